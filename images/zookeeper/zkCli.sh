#!/bin/sh
# ZooKeeper's command line: zkCli.sh -server zookeeper:2181 ls /
# shellcheck source=images/zookeeper/zkEnv.sh
. /usr/share/zookeeper/bin/zkEnv.sh
# shellcheck disable=SC2086 # Lists of options, split on purpose.
exec "$JAVA" $JAVA_OPTIONS -Xmx128m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -cp "$CLASSPATH" ${CLIENT_JVMFLAGS:-} ${JVMFLAGS:-} org.apache.zookeeper.ZooKeeperMain "$@"
