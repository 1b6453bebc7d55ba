# shellcheck shell=sh disable=SC2034 # Its variables are used where it is read.
# Read by zookeeper-server and zkCli.sh: the class path, and options that make a small virtual machine which starts fast.
# Both use the same class path, since the class archive is tied to it.
home=/usr/share/zookeeper
JAVA=$home/jre/bin/java
CLASSPATH=
for jar in "$home"/lib/*.jar; do
    CLASSPATH=${CLASSPATH:+$CLASSPATH:}$jar
done
# C1 alone and the serial collector: an idle node keeps few threads and no compiler's memory.
JAVA_OPTIONS="-Xshare:auto -XX:SharedArchiveFile=$home/classes.jsa -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
    -XX:-UsePerfData -XX:ReservedCodeCacheSize=24m -Xss256k
    -Dorg.slf4j.simpleLogger.showDateTime=true -Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ
    -Dorg.slf4j.simpleLogger.showShortLogName=true -Dzookeeper.jmx.log4j.disable=true"
