// The original Mesos master of libmesos, as a process.
//
// usage: original        with the master's flags in the environment, as MESOS_FLAG, and LIBPROCESS_IP, LIBPROCESS_PORT
//
// The library starts a master (and MESOS_NUM_SLAVES agents) inside the process of a driver whose master is `local`.

#include "library.h"

#include <unistd.h>

int main() {
  auto* info = new mesos::FrameworkInfo();
  new mesos::MesosSchedulerDriver(nullptr, *info, "local");
  for (;;) pause();
}
