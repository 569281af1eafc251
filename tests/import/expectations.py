"""Cases whose outputs are not the runtime's: the greatest distance, and why."""
DIFFERS = {}
