// What this folder uses of libmesos 1.11.0: its public C++ names, declared without its headers.
//
// The library is built with protobuf inside and ships no headers. A message is therefore an opaque block of the size
// that the library's own `New` asks of the allocator; fields are written and read as protobuf's text format, by the
// library's own code. The sizes belong to the one file that build.py fetches, whose hash it checks.
#pragma once

#include <string>
#include <vector>

namespace google { namespace protobuf {

class Message {
 public:
  // The text format in one line.
  std::string ShortDebugString() const;
};

class TextFormat {
 public:
  // False where the text is no such message, or lacks what is required.
  static bool ParseFromString(const std::string& text, Message* message);
};

}}  // namespace google::protobuf

#define MESSAGE(name, size)        \
  class name {                     \
   public:                         \
    name();                        \
    name(const name&);             \
    ~name();                       \
                                   \
   private:                        \
    alignas(8) char block[size];   \
  };

namespace mesos {

MESSAGE(Credential, 0x28)
MESSAGE(ExecutorID, 0x20)
MESSAGE(Filters, 0x20)
MESSAGE(FrameworkID, 0x20)
MESSAGE(FrameworkInfo, 0xe0)
MESSAGE(MasterInfo, 0x68)
MESSAGE(Offer, 0xa0)
MESSAGE(OfferID, 0x20)
MESSAGE(Offer_Operation, 0x78)
MESSAGE(Request, 0x38)
MESSAGE(SlaveID, 0x20)
MESSAGE(TaskID, 0x20)
MESSAGE(TaskInfo, 0xe0)
MESSAGE(TaskStatus, 0x88)

namespace scheduler {
MESSAGE(OfferConstraints, 0x60)
}

// The value of the enumeration in mesos.proto.
enum Status : int {};

class SchedulerDriver;

// The callbacks, in the order of the library's own virtual table.
class Scheduler {
 public:
  virtual ~Scheduler() {}
  virtual void registered(SchedulerDriver*, const FrameworkID&, const MasterInfo&) = 0;
  virtual void reregistered(SchedulerDriver*, const MasterInfo&) = 0;
  virtual void disconnected(SchedulerDriver*) = 0;
  virtual void resourceOffers(SchedulerDriver*, const std::vector<Offer>&) = 0;
  virtual void offerRescinded(SchedulerDriver*, const OfferID&) = 0;
  virtual void statusUpdate(SchedulerDriver*, const TaskStatus&) = 0;
  virtual void frameworkMessage(SchedulerDriver*, const ExecutorID&, const SlaveID&, const std::string&) = 0;
  virtual void slaveLost(SchedulerDriver*, const SlaveID&) = 0;
  virtual void executorLost(SchedulerDriver*, const ExecutorID&, const SlaveID&, int status) = 0;
  virtual void error(SchedulerDriver*, const std::string&) = 0;
};

// Its methods are virtual in the library; here they are called by name.
class MesosSchedulerDriver {
 public:
  using Strings = std::vector<std::string>;

  MesosSchedulerDriver(Scheduler*, const FrameworkInfo&, const std::string& master);
  MesosSchedulerDriver(
      Scheduler*, const FrameworkInfo&, const Strings& suppressed, const std::string& master, bool implicit);
  MesosSchedulerDriver(
      Scheduler*, const FrameworkInfo&, const Strings& suppressed, const std::string& master, bool implicit,
      const Credential&);

  Status start();
  Status stop(bool failover);
  Status abort();
  Status join();
  Status launchTasks(const OfferID&, const std::vector<TaskInfo>&, const Filters&);
  Status launchTasks(const std::vector<OfferID>&, const std::vector<TaskInfo>&, const Filters&);
  Status acceptOffers(const std::vector<OfferID>&, const std::vector<Offer_Operation>&, const Filters&);
  Status declineOffer(const OfferID&, const Filters&);
  Status reviveOffers();
  Status reviveOffers(const Strings& roles);
  Status suppressOffers();
  Status suppressOffers(const Strings& roles);
  Status reconcileTasks(const std::vector<TaskStatus>&);
  Status requestResources(const std::vector<Request>&);
  Status killTask(const TaskID&);
  Status sendFrameworkMessage(const ExecutorID&, const SlaveID&, const std::string& data);
  Status acknowledgeStatusUpdate(const TaskStatus&);
  Status updateFramework(const FrameworkInfo&, const Strings& suppressed, scheduler::OfferConstraints&&);

 private:
  alignas(16) char block[4096];
};

}  // namespace mesos
