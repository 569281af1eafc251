"""Python beside `zkvm`: what prepares models for it."""
