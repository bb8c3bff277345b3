"""What is done to the job to see whether it holds: one file per kind of trouble, each with a
verdict and a figure.

    setting     effort finding corpus job s3 proxy cluster    what a kind of trouble works with
    watched     reader state                                  what queries see all the while, and
                whether it is right
    injected    actors patched                                parts of the job that misbehave or
                cost a fixed time
    trouble     kills storage machine bad_videos writers poison speed

Nothing here is known to the product: a job is started as a user starts it, in a process of its own.
"""
