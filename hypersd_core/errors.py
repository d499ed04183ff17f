"""The tree of errors that a request, an operator or a file can cause.

Every message is one sentence for the person who caused it: it names the value and says what is
allowed. The cause, where there is one, is chained for the log.

::

    HyperSDError
    ├── InvalidRequest          a value of a request is out of range
    │   ├── InvalidPicture      a file is no picture, too large, damaged or gone
    │   ├── InvalidFlag         an inline flag in the prompt; knows its position
    │   ├── ModelNotFound       no model, LoRA, VAE or upscaler has this name
    │   ├── RecipeUnknown       nobody said how a model wants to be drawn with
    │   ├── PresetNotFound      no preset of this guild has this name
    │   └── FieldLocked         a preset locks what somebody typed
    ├── PresetChanged           somebody else changed the preset meanwhile
    ├── QueueFull               this user or guild has too many jobs waiting
    ├── NotAccepting            the operator is about to stop the bot
    ├── QuotaSpent              a day allows no more to this user or guild; knows the next day
    ├── JobsOpen                what needs finished jobs came before they were
    ├── JobNotFound             no such job, or its pictures are gone
    ├── NotAllowed              the job is another's, or the guild does not want it
    │   ├── WordBlocked         … because of a word in the prompt; knows which
    │   └── UserBlocked         … from this person; knows why and until when
    ├── PictureBlocked          the rules of the place do not allow what was drawn
    ├── ClassifierMissing       pictures are to be rated, but the classifier does not work
    ├── ModelError              a model folder is missing, incomplete or damaged
    ├── GenerationFailed        the device could not finish the picture
    │   └── OutOfMemory         … because it has too little memory
    ├── Cancelled               somebody stopped the job while it ran
    ├── StoreError              the data folder or database cannot be used
    └── SettingsError           the operator's settings are wrong
"""

from datetime import datetime

from hypersd_core.i18n import Said


class HyperSDError(Exception):
    """Base of all errors whose message is meant to be read by a person."""

    @property
    def sentence(self) -> str:
        """The message; what was said in one language can be said again in another."""
        said = self.args[0] if self.args else ""
        return said if isinstance(said, Said) else str(self)

    @property
    def english(self) -> str:
        """The message in English, for the log."""
        sentence = self.sentence
        return sentence.english if isinstance(sentence, Said) else sentence


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


class PresetNotFound(InvalidRequest):
    """No preset of this guild has this name."""


class FieldLocked(InvalidRequest):
    """A preset that holds here locks a field to another value than was typed."""


class PresetChanged(HyperSDError):
    """Somebody else changed the preset since it was looked at."""


class QueueFull(HyperSDError):
    """Too many jobs of this user or guild are waiting already."""


class NotAccepting(HyperSDError):
    """The bot takes no new jobs, since its operator is about to stop it."""


class QuotaSpent(HyperSDError):
    """What this user or guild may draw in a day is spent. ``resets_at`` (UTC) begins the next."""

    def __init__(self, message: str, *, resets_at: datetime) -> None:
        super().__init__(message)
        self.resets_at = resets_at


class JobsOpen(HyperSDError):
    """Somebody's jobs are not finished, and what they ask for needs that."""


class JobNotFound(HyperSDError):
    """No job has this id, or its pictures are gone."""


class NotAllowed(HyperSDError):
    """The job belongs to somebody else, or the guild does not want this here."""


class WordBlocked(NotAllowed):
    """A word rule of the guild forbids this prompt.

    ``word`` is what the person wrote, for them; ``rule`` is what forbids it, for moderators.
    """

    def __init__(self, message: str, *, word: str, rule: str) -> None:
        super().__init__(message)
        self.word = word
        self.rule = rule


class UserBlocked(NotAllowed):
    """Moderators let this user draw nothing. ``until`` (UTC) ends it; None is for good."""

    def __init__(self, message: str, *, reason: str, until: datetime | None) -> None:
        super().__init__(message)
        self.reason = reason
        self.until = until


class PictureBlocked(HyperSDError):
    """What was drawn may not be shown where it was asked for."""


class ClassifierMissing(HyperSDError):
    """Pictures are to be rated, but the image classifier is not installed or does not work."""


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
