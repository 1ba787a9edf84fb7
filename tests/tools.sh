# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154
. "$here/work.sh" # for negative.sh
