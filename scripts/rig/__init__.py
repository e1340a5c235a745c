"""What scripts/chaos and scripts/soak share: instances of their own, processes, faults, cases."""
