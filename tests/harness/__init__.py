# SPDX-License-Identifier: Apache-2.0
"""Drives a real httpd for the tests; contains no tests itself."""
