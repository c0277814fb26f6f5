#!/usr/bin/env bash
# Installs the peers of the interop suite where they are missing: install.sh DIRECTORY [--broker]
#
# Debian packages go into the system (root only), paho-mqtt and MQTT.js into DIRECTORY. What cannot be
# installed is an error, but for Chromium: 100 MB that a slow line or a small machine may not have.
# --broker also installs Mosquitto itself, for FULMAR_TEST_BROKER=mosquitto.
set -euo pipefail

paho_version=2.1.0
mqttjs_version=5.16.0
browser_seconds_max=120

directory=$1
want_broker=${2:-}
mkdir -p "$directory"
exec 9>"$directory/lock" </dev/null
flock 9

fail() {
    echo "interop setup: $*" >&2
    exit 1
}

have() { PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null; }

missing_packages() {
    have mosquitto_pub && have mosquitto_sub && have mosquitto_rr || echo mosquitto-clients
    python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
    have openssl || echo openssl
    have node || echo nodejs
    have npm || echo npm
    [ -z "$want_broker" ] || have mosquitto || echo mosquitto
}

# The service brokers by pid: those that run on Debian's configuration.
service_brokers() {
    local pid
    for pid in $(pidof mosquitto || true); do
        tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q '/etc/mosquitto/mosquitto.conf' && echo "$pid"
    done
    true
}

# apt starts the service of a daemon that it installs; the tests start their own broker.
stop_service_brokers_except() {
    local pid
    for pid in $(service_brokers); do
        case " $1 " in
            *" $pid "*) ;;
            *) kill "$pid" ;;
        esac
    done
}

install_packages() {
    [ "$(id -u)" = 0 ] || fail "no root to install packages; run: apt-get install $*"
    have apt-get || fail "no apt-get on this system; install by hand: $*"
    local before
    before=$(service_brokers | xargs)
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q || fail "apt-get update failed"
    apt-get install -q -y --no-install-recommends "$@" || fail "apt-get could not install: $*"
    stop_service_brokers_except "$before"
}

# Only the download is cut off: a package that is half installed would be in everybody's way. What has
# failed is not tried again by the next suite of the same run.
install_browser() {
    local package=chromium-headless-shell missed=$directory/no-chromium
    local get="apt-get install -q -y --no-install-recommends"
    [ "$(id -u)" = 0 ] && have apt-get && [ -z "$(find "$missed" -mmin -30 2>/dev/null)" ] || return 1
    touch "$missed"
    export DEBIAN_FRONTEND=noninteractive
    timeout "$browser_seconds_max" bash -c "apt-get update -q && $get --download-only $package" &&
        $get "$package" && rm "$missed"
}

install_paho() {
    local venv=$directory/venv
    python3 -m venv --clear "$venv" || fail "python3 could not make a venv in $venv"
    "$venv/bin/pip" install -q "paho-mqtt==$paho_version" || fail "pip could not install paho-mqtt"
    touch "$venv/paho-mqtt-$paho_version"
}

install_mqttjs() {
    local node=$directory/node
    rm -rf "$node"
    mkdir -p "$node"
    npm install --prefix "$node" --no-audit --no-fund --no-save "mqtt@$mqttjs_version" ||
        fail "npm could not install mqtt (MQTT.js)"
    touch "$node/mqtt-$mqttjs_version"
}

packages=$(missing_packages)
# shellcheck disable=SC2086 -- one word for each package
[ -z "$packages" ] || install_packages $packages
[ -e "$directory/venv/paho-mqtt-$paho_version" ] || install_paho
[ -e "$directory/node/mqtt-$mqttjs_version" ] || install_mqttjs
have chromium-headless-shell || have chromium || install_browser ||
    echo "SKIPPED: no Chromium, so no page will be tested; to have it: apt-get install chromium-headless-shell"
