"""Why: an ordinary password under an ordinary name is what people write, and a number about passwords is not one: both ways, by table."""

from __future__ import annotations

import pytest

from suites.security.rules import secret_values as rule

JAAS = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="admin-secret";'

SECRETS = [
    ("MYSQL_ROOT_PASSWORD", "12345"),
    ("MYSQL_PASSWORD", 1234),
    ("POSTGRES_PASSWORD", "$ecret"),  # what compose makes of "$$ecret"
    ("SECRET_KEY_BASE", "0123456789abcdef0123456789abcdef"),
    ("DJANGO_SECRET_KEY_BASE", "abcdefghijklmnop"),
    ("API_TOKEN", "/abc/def+ghi="),
    ("AWS_SECRET_ACCESS_KEY", "/JalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("KAFKA_SASL_JAAS_CONFIG", JAAS),
    ("BASIC_AUTH", "admin:secret"),
    ("FLOWER_BASIC_AUTH", "admin:admin"),
    ("DBPASS", "hunter22"),
    ("APP_DB_PASS", "hunter22"),
    ("SMTP_PASS", "12345"),
    ("RABBITMQ_DEFAULT_PASS", "guest"),
    ("MONGO_INITDB_ROOT_PASSWORD", "no"),
    ("REDIS_PASSWORD", "true"),
    ("ADMIN_PASSWORD", "none"),
    ("KEYCLOAK_ADMIN_PASSWORD", "../x"),
    ("ADMIN_PIN", "9999"),
    ("PIN", "9999"),
    ("LDAP_BIND_DN_PW", "hunter"),
    ("PGPASSWORD", "0"),
    ("COOKIE_SECRET", "abcdefgh"),
    ("JWT_SIGNING_KEY", "abcdefgh"),
    ("ENCRYPTION_KEY", "aaaaaaaaaaaaaaaa"),
    ("ALLOW_EMPTY_PASSWORD", "hunter2"),  # no switch's value
    ("CONNECTION_STRING", "Server=db;User Id=sa;Password=Xk29vq"),
    ("JAVA_OPTS", "-Xmx1g -Djavax.net.ssl.keyStorePassword=changeit"),
    ("DATABASE_URL", "postgres://app:1234@db/app"),
    ("DATABASE_URL", "postgres://app:no@db/app"),
    ("SECRET", "vault:hunter2"),
    ("PASSWORD", "<secret>"),
    ("STRIPE_WEBHOOK_SECRET", "off"),
    ("PASSWORD_RESET_TOKEN", "b7Kq93xTz"),
    ("NEXT_PUBLIC_API_SECRET", "b7Kq93xTz"),
    ("VITE_ADMIN_PASSWORD", "hunter22"),
    ("NEXT_PUBLIC_TOKEN", "ghp_" + "a" * 36),
    ("PUBLIC_TOKEN", "b7Kq93xTz"),
    ("RESET_PASSWORD", "604800"),
]

HARMLESS = [
    # Built into what every visitor's browser gets: the issuer means them to be seen.
    ("NEXT_PUBLIC_MAPBOX_TOKEN", "pk.abc.def"),
    ("VITE_MAPBOX_TOKEN", "pk.abc.def"),
    ("REACT_APP_MAPS_API_KEY", "b7Kq93xTz"),
    ("PASSWORD_RESET_TOKEN", "604800"),
    ("EMAIL_VERIFY_TOKEN", "86400s"),
    ("RESET_TOKEN", "15m"),
    ("PASSWORD_MIN_LENGTH", "12"),
    ("MIN_PASSWORD", "12"),
    ("MAX_TOKENS", "4096"),
    ("TOKEN_TTL", "3600"),
    ("TOKEN_EXPIRY", "15m"),
    ("PASSWORD_POLICY", "strict"),
    ("PASSWORD_HASHER", "argon2"),
    ("PASSWORD_RESET_ENABLED", "true"),
    ("DB_PASSWORD_FILE", "/run/secrets/db"),
    ("DB_PASSWORD_PATH", "/etc/app/pw"),
    ("SECRETS_DIR", "/etc/app/secrets"),
    ("SECRET_NAME", "database"),
    ("SECRET_ID", "arn:aws:secretsmanager:eu:1:secret:x"),
    ("TOKEN_URL", "https://id.example/token"),
    ("DB_PASSWORD", "/run/secrets/DB_PASSWORD"),
    ("TLS_PRIVATE_KEY", "/etc/ssl/private/site.key"),
    ("DB_PASSWORD", ""),
    ("DB_PASSWORD", None),
    ("DB_PASSWORD", "   "),
    ("DB_PASSWORD", "${DB_PASSWORD}"),
    ("DB_PASSWORD", "{{ env `DB` }}"),
    ("DB_PASSWORD", "vault:secret/data/db#password"),
    ("DB_PASSWORD", "file:/run/secrets/db"),
    ("TOKEN", "ENC[AES256_GCM,data:x]"),
    ("ALLOW_EMPTY_PASSWORD", "yes"),
    ("MYSQL_RANDOM_ROOT_PASSWORD", "1"),
    ("REQUIRE_TOKEN", "false"),
    ("DISABLE_SECRET", "0"),
    ("CORS_ALLOW_CREDENTIALS", "true"),
    ("ACCESS_CONTROL_CREDENTIALS", "true"),
    ("SSH_PUBLIC_KEY", "ssh-ed25519 AAAA"),
    ("PUBLIC_KEY", "age1abc"),
    ("KEY", "north"),
    ("PRIMARY_KEY", "id"),
    ("PARTITION_KEY", "customer"),
    ("KEYBOARD", "de"),
    ("COMPASS", "north"),
    ("BYPASS", "localhost"),
    ("MONKEY", "banana"),
    ("PWD", "/srv/app"),
    ("OLDPWD", "/"),
    ("BASIC_AUTH", "true"),
    ("BASIC_AUTH", "/etc/htpasswd"),
    ("BASIC_AUTH", "http://auth:8080"),
    ("SPIN", "3"),
    ("LED_PIN", "18"),
    ("HIGH_PASS", "300"),
    ("EOS_TOKEN", "</s>"),
    ("KAFKA_SSL_KEYSTORE_CREDENTIALS", "kafka.keystore-creds"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/gcp/service-account.json"),
    ("GF_SECURITY_ADMIN_PASSWORD__FILE", "/run/secrets/grafana"),
    ("POSTGRES_INITDB_ARGS", "--auth-host=scram-sha-256 --pwfile=/run/secrets/db"),
    ("LOG_FORMAT", "user=%u password=*** status=%s"),
    ("LDAP_FILTER", "(&(objectClass=user)(userPassword=*))"),
    ("CONNECTION_STRING", "Server=db;Password=${DB_PASSWORD};Encrypt=true"),
    ("OPTIONS", "require_password=true min_password=8"),
    ("POSTGRES_HOST_AUTH_METHOD", "scram-sha-256"),
]


@pytest.mark.parametrize(("name", "value"), SECRETS)
def test_ordinary_secrets_are_found(name: str, value: object) -> None:
    why = rule.is_by_value(name, value)

    assert why
    assert len(str(value)) < 4 or str(value) not in why


@pytest.mark.parametrize(("name", "value"), HARMLESS)
def test_what_is_about_secrets_is_not_one(name: str, value: str | None) -> None:
    assert rule.is_by_value(name, value) is None


def test_a_path_is_a_reference_where_something_is_mounted() -> None:
    mounted = ("/etc/app", "/run/secrets/db")

    assert rule.is_by_value("DB_PASSWORD", "/etc/app/password", mounted=mounted) is None
    assert rule.is_by_value("DB_PASSWORD", "/etc/application", mounted=mounted)
    assert rule.in_mapping({"DB_PASSWORD": "/etc/app/password"}, mounted=mounted) == []


def test_a_dollar_is_a_reference_only_where_something_expands_it() -> None:
    assert rule.is_by_value("DB_PASSWORD", "$DB_PASSWORD")
    assert rule.is_by_value("DB_PASSWORD", "$DB_PASSWORD", expands=True) is None
    assert rule.in_env_file("DB_PASSWORD=$OTHER\nPASSWORD='$ecret'\n") == [(2, "PASSWORD", "a secret")]


@pytest.mark.parametrize(
    "words",
    [
        ["celery", "flower", "--basic_auth=admin:admin"],
        ["celery", "flower", "--basic-auth", "admin:admin"],
        ["--api-token", "12345"],
        ["--password=no"],
        ["-Dspring.datasource.password=hunter2"],
        ["sh", "-c", "PGPASSWORD=hunter2 psql"],
        ["--requirepass", "/Xk29+vq="],
    ],
)
def test_ordinary_secrets_on_command_lines_are_found(words: list[str]) -> None:
    assert rule.in_words(words)


@pytest.mark.parametrize(
    "words",
    [
        ["sh", "-c", "PGPASSWORD=$PASSWORD psql"],
        ["sh", "-c", 'PGPASSWORD="$(cat /run/secrets/db)" psql'],
        ["sh", "-c", "mysqladmin ping --password=$${MYSQL_PASSWORD}"],
        ["--requirepass", "$REDIS_PASSWORD"],
        ["--basic-auth", "/etc/htpasswd"],
        ["--password", ""],
        ["--require-token=true"],
        ["--max-tokens", "4096"],
    ],
)
def test_references_and_switches_on_command_lines_are_not(words: list[str]) -> None:
    assert rule.in_words(words) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTGRES_HOST_AUTH_METHOD", "trust"),
        ("xpack.security.enabled", "false"),
        ("MYSQL_ALLOW_EMPTY_PASSWORD", "yes"),
        ("MYSQL_ALLOW_EMPTY_PASSWORD", "1"),
        ("MARIADB_ALLOW_EMPTY_ROOT_PASSWORD", "true"),
        ("ALLOW_EMPTY_PASSWORD", "yes"),
        ("ALLOW_ANONYMOUS_LOGIN", "yes"),
        ("plugins.security.disabled", "true"),
        ("DISABLE_SECURITY_PLUGIN", "true"),
        ("AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED", "true"),
    ],
)
def test_doing_without_a_password_is_found(name: str, value: str) -> None:
    assert rule.opens_to_all(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTGRES_HOST_AUTH_METHOD", "scram-sha-256"),
        ("xpack.security.enabled", "true"),
        ("xpack.security.http.ssl.enabled", "false"),
        ("MYSQL_ALLOW_EMPTY_PASSWORD", "no"),
        ("MYSQL_ALLOW_EMPTY_PASSWORD", ""),
        ("ALLOW_EMPTY_PASSWORD", None),
        ("plugins.security.disabled", "false"),
        ("MYSQL_RANDOM_ROOT_PASSWORD", "yes"),
        ("TRUST", "trust"),
    ],
)
def test_asking_for_one_is_not(name: str, value: str | None) -> None:
    assert rule.opens_to_all(name, value) is None
