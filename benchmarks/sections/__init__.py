# SPDX-License-Identifier: Apache-2.0
"""What is measured. Each module has a TITLE and measure(bench), which notes
figures with bench.add(); with bench.quick only what CI looks at."""
