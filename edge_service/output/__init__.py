"""What is told of frames and runs: results, report, verification, metrics, traces."""
