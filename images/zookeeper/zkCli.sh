#!/bin/sh
# ZooKeeper's command line: zkCli.sh -server zookeeper:2181 ls /
# ServiceUtils would report even a good end as an error.
# shellcheck source=images/zookeeper/zkEnv.sh
. /usr/share/zookeeper/bin/zkEnv.sh
# shellcheck disable=SC2086 # Lists of options, split on purpose.
exec "$JAVA" $JAVA_OPTIONS -Xmx128m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.util.ServiceUtils=off \
    -cp "$CLASSPATH" ${CLIENT_JVMFLAGS:-} ${JVMFLAGS:-} org.apache.zookeeper.ZooKeeperMain "$@"
