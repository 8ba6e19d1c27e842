"""Why: there are many ways to run what was just downloaded, and many to download something and compare it first."""

from __future__ import annotations

import pytest

from suites.security.rules import fetches
from suites.security.rules.dockerfile import instructions, logical_lines

URL = "https://example/i.sh"


@pytest.mark.parametrize(
    "instruction",
    [
        "ADD https://example/x.tar /x",
        'ADD ["https://example/x.tar", "/x"]',
        "RUN curl -fsSL https://example/i.sh | sh",
        "RUN wget -qO- https://example/i.sh | sudo bash -s --",
        "RUN curl -k https://example/x -o x",
        "RUN curl -fsSL https://example/x -o x --insecure",
        f"RUN curl -fsSL {URL} | sudo -E bash -",
        f"RUN curl -fsSL {URL} | sudo -u app -H bash",
        f"RUN curl -fsSL {URL} | env VERSION=1 sh",
        f"RUN curl -sSL {URL} 2>&1 | /bin/sh",
        f"RUN curl -sSL '{URL}?a=1&b=2' | bash",
        f"RUN curl -sSL {URL}.gz | gunzip | sh",
        f"RUN bash <(curl -s {URL})",
        f"RUN . <(curl -s {URL})",
        f'RUN bash -c "$(curl -fsSL {URL})"',
        f'RUN sh -exc "$(wget -qO- {URL})"',
        f'RUN eval "$(curl -fsSL {URL})"',
        f"RUN curl -sSL {URL} | python3 -",
        f"RUN curl -sSL {URL} | python3",
        f"RUN curl -sS {URL} | php -- --install-dir=/usr/bin",
        f'RUN ["sh", "-c", "curl -s {URL} | sh"]',
        f"RUN curl -o a.sh {URL} && bash a.sh",
        f"RUN curl -fsSLo /tmp/a.sh {URL}; sh -e /tmp/a.sh",
        f"RUN curl -fsSLO {URL} && chmod +x i.sh && ./i.sh",
        f"RUN wget {URL} && bash i.sh",
        f"RUN wget -qO /tmp/a {URL} && chmod +x /tmp/a && /tmp/a --yes",
        f"RUN curl -s {URL} > a.sh && sh a.sh",
        f"RUN <<EOF\nset -e\ncurl -fsSL {URL} | bash\nEOF",
        f"RUN <<-'END' bash\n  curl -fsSL {URL} -o a.sh\n  bash a.sh\nEND",
    ],
)
def test_what_is_run_or_added_without_a_comparison_is_found(instruction: str) -> None:
    assert len(fetches.problems(f"FROM a\n{instruction}\nUSER 1\n")) == 1


@pytest.mark.parametrize(
    "instruction",
    [
        "ADD --checksum=sha256:abc https://example/x.tar /x",
        "ADD local.tar /x",
        "RUN curl -fsSL https://example/x -o x && echo 'abc x' | sha256sum -c",
        "# RUN curl x | sh\nRUN apt-get update",
        f"RUN curl -fsSL {URL} -o a.sh && echo 'abc  a.sh' | sha256sum -c - && bash a.sh",
        f"RUN curl -fsSL {URL} | sudo sh -c 'cat > /etc/apt/keyrings/a.asc'",
        f"RUN curl -fsSL {URL} | gpg --dearmor -o /usr/share/keyrings/a.gpg",
        f"RUN curl -fsSL {URL} | tar xz -C /opt && sh /opt/own.sh",
        f'RUN curl -s {URL} | python3 -c "import json, sys"',
        f"RUN curl -s {URL} | python3 -m json.tool",
        f"RUN curl -fsSL {URL} || bash own.sh",
        f"RUN curl -fsSL {URL} -o /data/x.json && bash own.sh",
        "RUN apt-get install -y curl && bash own.sh",
        f"RUN <<EOF\n# curl -s {URL} | sh\necho done\nEOF",
    ],
)
def test_what_is_compared_or_only_kept_is_not(instruction: str) -> None:
    assert fetches.problems(f"FROM a\n{instruction}\nUSER 1\n") == []


def test_the_line_is_that_of_the_download_in_its_own_instruction() -> None:
    text = f"FROM a\nRUN apt-get install -y curl\nRUN true \\\n  && curl -s {URL} | sh\nRUN <<EOF\nset -e\nwget -qO- {URL} | sh\nEOF\n"

    assert [line for line, _ in fetches.problems(text)] == [4, 7]


def test_what_only_looks_like_a_heredoc_swallows_nothing() -> None:
    text = 'FROM a\nRUN cat <<< "x" && echo $((1 << 3))\nRUN echo $((1<<N))\nUSER 1\n'

    assert logical_lines(text)[-1] == "USER 1"


def test_two_heredocs_of_one_instruction_are_both_its_own() -> None:
    found = list(instructions("FROM a\nCOPY <<A <<'B' /x/\n1\nA\n2\nB\nUSER 1\n"))

    assert [(one.word, one.line, one.body) for one in found] == [("FROM", 1, ""), ("COPY", 2, "1\n2"), ("USER", 7, "")]
