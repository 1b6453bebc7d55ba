#!/bin/sh
# ZooKeeper's command line: zkCli.sh -server zookeeper:2181 ls /
# shellcheck source=images/zookeeper/zkEnv.sh
. /usr/share/zookeeper/bin/zkEnv.sh

# Typed commands get history and editing.
editor=
if [ -t 0 ] && [ -t 1 ] && { [ $# -eq 0 ] || { [ $# -eq 2 ] && [ "$1" = -server ]; }; }; then
    # A terminal that does not know its width, as some consoles, is too little for it.
    width=$(stty size 2>/dev/null | cut -d ' ' -f 2)
    [ "${width:-0}" -eq 0 ] || editor="rlwrap --always-readline --history-filename /dev/null"
fi

# ServiceUtils would report even a good end as an error.
# shellcheck disable=SC2086 # Lists of options, split on purpose.
exec $editor "$JAVA" $JAVA_OPTIONS -Xmx128m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.util.ServiceUtils=off \
    -cp "$CLASSPATH" ${CLIENT_JVMFLAGS:-} ${JVMFLAGS:-} org.apache.zookeeper.ZooKeeperMain "$@"
