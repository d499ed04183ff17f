"""The split of an ancestral step, shared by Euler a and DPM++ SDE: down too far, then noise up."""

import math


def ancestral_step(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """Split a step into the level to go down to and the noise to add back: down^2 + up^2 = next^2.

    With ``eta`` 1 this is the exact posterior variance of the variance-exploding process (DDPM).
    """
    up = min(sigma_next, eta * sigma_next * math.sqrt(1 - (sigma_next / sigma) ** 2))
    return math.sqrt(sigma_next**2 - up**2), up
