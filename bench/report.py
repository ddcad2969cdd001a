# SPDX-License-Identifier: BSD-2-Clause
"""The page build/bench/report.html."""
import os


def write(rows, failures, folder):
    return os.path.join(folder, 'report.html')
