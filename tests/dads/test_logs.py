import json
import subprocess
import sys

SCRIPT = """
import logging
from cloud_service.log import log
from dads.logs import LogFormat, configure
configure(LogFormat.{format})
log.info("served", model="zoo:x")
log.debug("hidden")
logging.getLogger("library").warning("odd %s", "thing")
logging.getLogger("library").info("chatter")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("broke")
"""


def run(log_format):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(format=log_format)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""
    return done.stderr


def test_json_has_one_object_a_line_from_both_kinds_of_logger():
    lines = [json.loads(line) for line in run("JSON").splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("served", "info"),
        ("odd thing", "warning"),
        ("broke", "error"),
    ]
    assert lines[0]["model"] == "zoo:x"
    assert "timestamp" in lines[0]
    assert "ZeroDivisionError" in lines[2]["exception"]


def test_console_is_for_people_and_without_colours_in_a_file():
    text = run("CONSOLE")
    assert "served" in text
    assert "odd thing" in text
    assert "chatter" not in text
    assert "hidden" not in text
    assert "\x1b" not in text
