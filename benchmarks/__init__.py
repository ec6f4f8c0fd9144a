"""This connector and its peers side by side, on one emulated GitLab: `python -m benchmarks`.

`cases.py` and `scaling.py` say what is measured, `targets.py` what should come out, `contenders.py`
who is measured. Results go to `RESULTS.md` and `chart.svg` in this folder.
"""
