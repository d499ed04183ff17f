"""A Discord on the loopback interface: REST, gateway and one web page, for newcomers and tests.

It knows nothing of the bot it serves and imports no Discord library, so it can disagree with both.
Not built: voice, reactions, threads, roles and members that change, and everything else that an
image bot does not touch. ``places`` lists who and what is there.
"""

from sandbox.server import Sandbox

__all__ = ["Sandbox"]
