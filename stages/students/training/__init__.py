"""What every student shares: settings, the audit, encoding, packing, checkpoints, the trainer."""
