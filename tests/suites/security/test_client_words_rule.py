"""Why: a password without a name beside it is read over by whoever looks for names, and a false alarm about `-p` by whoever reads."""

from __future__ import annotations

import pytest

from suites.security.rules.client_words import in_client_words


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["mysql", "-uroot", "-psup3rs3cretpw"], "mysql -p"),
        (["sh", "-c", "mysqldump -pX db > /backup/x"], "mysqldump -p"),
        (["CMD-SHELL", "mysqladmin ping -proot1234root || exit 1"], "mysqladmin -p"),
        (["CMD", "/usr/bin/mariadb-admin", "-pHunter2", "ping"], "mariadb-admin -p"),
        (["bash", "-c", "sh -c 'mysql -pX'"], "mysql -p"),
        (["CMD-SHELL", "curl -fsu admin:hunter2 http://x/ || exit 1"], "curl -u"),
        (["curl", "--user", "admin:hunter2", "http://x/"], "curl -u"),
        (["curl", "-uadmin:hunter2", "http://x/"], "curl -u"),
        (["CMD", "redis-cli", "-a", "hunter2", "ping"], "redis-cli -a"),
        (["sh", "-c", "sshpass -phunter2 ssh x"], "sshpass -p"),
        (["mongosh", "-u", "root", "-p", "hunter2"], "mongosh -p"),
        (["sh", "-c", "echo 'it is\nmysql -pX"], "mysql -p"),
    ],
)
def test_a_password_of_a_client_is_found_and_not_repeated(words: list[str], named: str) -> None:
    assert [name for name, _ in in_client_words(words)] == [named]
    assert "hunter2" not in str(in_client_words(words))


@pytest.mark.parametrize(
    "words",
    [
        ["mysql", "-uroot", "-p", "shop"],
        ["mysql", "-P", "3306"],
        ["CMD-SHELL", 'mysqladmin ping -p"$MYSQL_ROOT_PASSWORD"'],
        ["CMD-SHELL", "mysqladmin ping -p${MYSQL_ROOT_PASSWORD}"],
        ["sh", "-c", "mysqldump -p$(cat /run/secrets/db) shop"],
        ["curl", "-u", "admin:$PASSWORD", "http://x/"],
        ["curl", "-u", "admin", "http://x/"],
        ["curl", "-fsS", "-o", "/dev/null", "http://x:80/"],
        ["redis-cli", "-a", "$REDIS_PASSWORD"],
        ["redis-cli", "-a"],
        ["mongosh", "-p", "--quiet"],
        ["mkdir", "-pv", "/data"],
        ["sh", "-c", "mysql -e 'select 1'; mkdir -pv /data"],
        ["mysqld", "-p3306"],
        [],
    ],
)
def test_what_is_none_is_not(words: list[str]) -> None:
    assert in_client_words(words) == []
