#!/bin/sh
# Java (Spark counts n-grams with it) and Chromium (page tests open pages in it): Debian's, where
# root may install them; else one line that says what is missing.
set -eu
wanted=""
command -v java >/dev/null 2>&1 || wanted="$wanted default-jre-headless"
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
  command -v google-chrome >/dev/null 2>&1 || wanted="$wanted chromium"
[ -z "$wanted" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null
else
  echo "tests want$wanted: install by 'sudo apt-get install$wanted'" >&2
  exit 1
fi
