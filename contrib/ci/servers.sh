#!/bin/sh
# Installs the Debian packages that the tests use, when it is run by root on Debian; else it says what is missing.
#   servers.sh          the servers and load generators that tests and benchmarks start
#   servers.sh python   what is needed to make a virtual environment
set -eu

if [ "${1:-servers}" = python ]; then
    python3 -c 'import ensurepip, venv' 2>/dev/null && exit 0
    packages="python3 python3-venv"
else
    packages="kannel kannel-extras postgresql postfix dovecot-lmtpd dovecot-imapd sqlite3 wrk curl openssl"
fi

missing=""
for package in $packages; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed:$missing (tests that need them are skipped)"
    echo "  sudo apt-get install --no-install-recommends$missing"
    exit 0
fi

echo "installing$missing ..."
# The packages would start their servers on the usual ports; the tests start their own, so forbid that for this run.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
