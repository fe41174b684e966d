"""Figures beside the peers': one file a workload, one table out. Run: python -m benchmarks"""
