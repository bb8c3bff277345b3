"""Remembers results by what they depend on, so that a sweep does no work twice.

    detected    what a grounder sees on a picture     by picture, phrases, grounder and tracker; its
                filters come after
    propagated  an object followed through a chunk    by the chunk's pictures, the object's prompts,
                tracker and direction
    seen        the embedding of a crop               by the crop and the embedder
    followed    all tracks of a clip                  by the video's bytes and every setting of
                tracking

A batch changes the last digits of what a model says, and what is remembered must not depend on what
else was asked for at the time. So with reuse every picture, object and crop is computed by itself,
and then equal keys give equal bytes, whatever was remembered before. Keys are of the pictures
themselves and not of where they came from, so a video is decoded again; and of our own code that
computes, so that an edited file forgets what depends on it.

    <root>/<dataset>/cache/<stage>/<settings>/<stretch of a video>.parquet

A file that is missing, damaged or of another version is as good as none. Deleting any of it is safe
at any time.
"""

# Of the files; raised when another version could not read them.
REUSE_VERSION = 1
