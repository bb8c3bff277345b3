"""Makes `python -m trawl` the same as the command `trawl`."""

from trawl.command import main

if __name__ == "__main__":
    main()
