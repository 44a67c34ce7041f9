"""Reinforcement learning: settings, groups of answers and their advantages, rows, the loop, resuming."""
