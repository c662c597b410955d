"""Events in: stored once, applied to attempts, answered to the far side only when they are kept."""
