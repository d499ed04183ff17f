"""What people read about a job that is not drawn yet, in a few words."""

from cogs.cards import duration, plain
from hypersd_core.i18n import say
from hypersd_core.request import Job, JobState
from hypersd_core.stages import Drawing, Loading, Stage, Waiting


def stage_text(stage: Stage) -> str:
    """Where a job is and how long it still takes."""
    time = duration(stage.eta_s)
    match stage:
        case Waiting(is_paused=True, ahead=0):
            return say("Paused by the bot's operator, next in the queue")
        case Waiting(is_paused=True):
            return say(
                "Paused by the bot's operator, {ahead} ahead in the queue", ahead=stage.ahead
            )
        case Waiting(ahead=0) | Drawing(step=0):
            return say("Drawing now, about {time}", time=time)
        case Waiting():
            return say("{ahead} ahead in the queue, about {time}", ahead=stage.ahead, time=time)
        case Loading():
            model, percent = plain(stage.model), round(100 * stage.share)
            return say("Loading {model}: {percent} %", model=model, percent=percent)
        case Drawing():
            return say(
                "Drawing: step {step} of {steps}, about {time}",
                step=stage.step,
                steps=stage.steps,
                time=time,
            )


def state_text(job: Job, stage: Stage | None) -> str:
    """The same for any open job: one without a stage is drawn, and not shown yet."""
    if stage is not None:
        return stage_text(stage)
    return say("Drawn, on its way") if job.state is JobState.MADE else say("Almost there")
