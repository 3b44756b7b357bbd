"""The fund, draws and queues in the panel."""
