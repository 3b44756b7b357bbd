"""Rewards: what credits buy. The catalogue and redemption come with their own issue."""
