"""The tree of errors that a request, an operator or a file can cause.

Every message is one sentence for the person who caused it: it names the value and says what is
allowed. The cause, where there is one, is chained for the log.

::

    HyperSDError
    ├── InvalidRequest          a value of a request is out of range
    │   ├── InvalidPicture      a file is no picture, too large, damaged or gone
    │   ├── InvalidFlag         an inline flag in the prompt; knows its position
    │   ├── ModelNotFound       no model, LoRA, VAE or upscaler has this name
    │   └── RecipeUnknown       nobody said how a model wants to be drawn with
    ├── QueueFull               this user or guild has too many jobs waiting
    ├── JobNotFound             no such job, or its pictures are gone
    ├── NotAllowed              the job belongs to somebody else
    ├── ModelError              a model folder is missing, incomplete or damaged
    ├── GenerationFailed        the device could not finish the picture
    │   └── OutOfMemory         … because it has too little memory
    ├── Cancelled               somebody stopped the job while it ran
    ├── StoreError              the data folder or database cannot be used
    └── SettingsError           the operator's settings are wrong
"""


class HyperSDError(Exception):
    """Base of all errors whose message is meant to be read by a person."""


class InvalidRequest(HyperSDError):
    """A value of a request is out of range."""


class InvalidFlag(InvalidRequest):
    """An inline flag such as ``--stpes 4`` is unknown or has a bad value.

    ``position`` is the index of the flag's first character in the prompt, ``flag`` its text.
    """

    def __init__(self, message: str, *, flag: str, position: int) -> None:
        super().__init__(message)
        self.flag = flag
        self.position = position


class InvalidPicture(InvalidRequest):
    """A file that somebody brought is no picture, too large, damaged or gone."""


class ModelNotFound(InvalidRequest):
    """No model, LoRA, VAE or upscaler in the models folder has this name."""


class RecipeUnknown(InvalidRequest):
    """Neither a sidecar nor the file itself says how this model wants to be drawn with."""


class QueueFull(HyperSDError):
    """Too many jobs of this user or guild are waiting already."""


class JobNotFound(HyperSDError):
    """No job has this id, or its pictures are gone."""


class NotAllowed(HyperSDError):
    """The job belongs to somebody else."""


class ModelError(HyperSDError):
    """A model folder is missing, incomplete or damaged."""


class GenerationFailed(HyperSDError):
    """The device could not finish the picture."""


class OutOfMemory(GenerationFailed):
    """The device has too little memory for this size or count."""


class Cancelled(HyperSDError):
    """Somebody stopped the job while it ran."""


class StoreError(HyperSDError):
    """The data folder or the database cannot be used."""


class SettingsError(HyperSDError):
    """The operator's settings are wrong."""
