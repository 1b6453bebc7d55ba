// The scheduler driver of the original libmesos, driven by lines.
//
// usage: framework MASTER
//
// Reads commands from standard input and prints callbacks and results to standard output, a line each, its fields
// parted by tabs. A message is protobuf's text format in one line; offer ids are their values, parted by commas. The
// first command is `start`; the end of the input stops the driver without failover.
//
//   start IMPLICIT_ACKNOWLEDGEMENTS FRAMEWORK_INFO CREDENTIAL_OR_NOTHING SUPPRESSED_ROLE...
//   launchTask OFFER FILTERS TASK_INFO...      the older overload, of one offer
//   launchTasks OFFERS FILTERS TASK_INFO...
//   acceptOffers OFFERS FILTERS OPERATION...
//   declineOffer OFFER FILTERS
//   reviveOffers ROLE... | suppressOffers ROLE... | reconcileTasks TASK_STATUS... | requestResources REQUEST...
//   killTask TASK_ID | sendFrameworkMessage EXECUTOR_ID SLAVE_ID TEXT | acknowledgeStatusUpdate TASK_STATUS
//   updateFramework FRAMEWORK_INFO CONSTRAINTS SUPPRESSED_ROLE...
//   stop FAILOVER | abort
//
// Prints `called METHOD STATUS` for each, `NAME ARGUMENT...` for each callback, and `joined STATUS` at the end.

#include "library.h"

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <sstream>
#include <thread>

using namespace mesos;
using std::string;
using Fields = std::vector<string>;

static void print(const Fields& fields) {
  static std::mutex one_at_a_time;
  std::lock_guard<std::mutex> lock(one_at_a_time);
  for (size_t i = 0; i < fields.size(); i++) std::cout << (i ? "\t" : "") << fields[i];
  std::cout << std::endl;
}

static void fail(const string& why) {
  std::cerr << "framework: " << why << std::endl;
  _Exit(2);
}

template <typename T>
static string text(const T& message) {
  return reinterpret_cast<const google::protobuf::Message&>(message).ShortDebugString();
}

template <typename T>
static T parse(const string& text) {
  T message;
  if (!google::protobuf::TextFormat::ParseFromString(text, reinterpret_cast<google::protobuf::Message*>(&message))) {
    fail("no such message: " + text);
  }
  return message;
}

// The messages from a field on.
template <typename T>
static std::vector<T> rest(const Fields& fields, size_t from) {
  std::vector<T> messages;
  for (size_t i = from; i < fields.size(); i++) messages.push_back(parse<T>(fields[i]));
  return messages;
}

static Fields split(const string& line, char by) {
  Fields fields;
  std::istringstream stream(line);
  for (string field; std::getline(stream, field, by);) fields.push_back(field);
  if (!line.empty() && line.back() == by) fields.push_back("");
  return fields;
}

static OfferID offer(const string& value) { return parse<OfferID>("value: \"" + value + "\""); }

static std::vector<OfferID> offers(const string& values) {
  std::vector<OfferID> ids;
  for (const string& value : split(values, ',')) ids.push_back(offer(value));
  return ids;
}

class Printer : public Scheduler {
  void registered(SchedulerDriver*, const FrameworkID& id, const MasterInfo& master) {
    print({"registered", text(id), text(master)});
  }
  void reregistered(SchedulerDriver*, const MasterInfo& master) { print({"reregistered", text(master)}); }
  void disconnected(SchedulerDriver*) { print({"disconnected"}); }
  void resourceOffers(SchedulerDriver*, const std::vector<Offer>& offers) {
    Fields line = {"resourceOffers"};
    for (const Offer& offer : offers) line.push_back(text(offer));
    print(line);
  }
  void offerRescinded(SchedulerDriver*, const OfferID& id) { print({"offerRescinded", text(id)}); }
  void statusUpdate(SchedulerDriver*, const TaskStatus& status) { print({"statusUpdate", text(status)}); }
  void frameworkMessage(SchedulerDriver*, const ExecutorID& executor, const SlaveID& agent, const string& data) {
    print({"frameworkMessage", text(executor), text(agent), data});
  }
  void slaveLost(SchedulerDriver*, const SlaveID& agent) { print({"slaveLost", text(agent)}); }
  void executorLost(SchedulerDriver*, const ExecutorID& executor, const SlaveID& agent, int status) {
    print({"executorLost", text(executor), text(agent), std::to_string(status)});
  }
  void error(SchedulerDriver*, const string& message) { print({"error", message}); }
};

static MesosSchedulerDriver* make(const string& master, const Fields& f) {
  if (f.size() < 4 || f[0] != "start") fail("the first command is start, with its four fields");
  const Fields suppressed(f.begin() + 4, f.end());
  auto* info = new FrameworkInfo(parse<FrameworkInfo>(f[2]));
  auto* callbacks = new Printer();
  const bool implicit = f[1] == "true";
  if (f[3].empty()) return new MesosSchedulerDriver(callbacks, *info, suppressed, master, implicit);
  return new MesosSchedulerDriver(callbacks, *info, suppressed, master, implicit, parse<Credential>(f[3]));
}

static Status call(MesosSchedulerDriver& driver, const Fields& f) {
  const string& name = f[0];
  const Fields after(f.begin() + 1, f.end());
  auto need = [&](size_t count) {
    if (f.size() < count + 1) fail("too few fields: " + name);
  };
  if (name == "abort") return driver.abort();
  if (name == "reviveOffers") return after.empty() ? driver.reviveOffers() : driver.reviveOffers(after);
  if (name == "suppressOffers") return after.empty() ? driver.suppressOffers() : driver.suppressOffers(after);
  if (name == "reconcileTasks") return driver.reconcileTasks(rest<TaskStatus>(f, 1));
  if (name == "requestResources") return driver.requestResources(rest<Request>(f, 1));
  need(1);
  if (name == "stop") return driver.stop(f[1] == "true");
  if (name == "killTask") return driver.killTask(parse<TaskID>(f[1]));
  if (name == "acknowledgeStatusUpdate") return driver.acknowledgeStatusUpdate(parse<TaskStatus>(f[1]));
  need(2);
  if (name == "declineOffer") return driver.declineOffer(offer(f[1]), parse<Filters>(f[2]));
  if (name == "launchTask") return driver.launchTasks(offer(f[1]), rest<TaskInfo>(f, 3), parse<Filters>(f[2]));
  if (name == "launchTasks") return driver.launchTasks(offers(f[1]), rest<TaskInfo>(f, 3), parse<Filters>(f[2]));
  if (name == "acceptOffers") {
    return driver.acceptOffers(offers(f[1]), rest<Offer_Operation>(f, 3), parse<Filters>(f[2]));
  }
  if (name == "updateFramework") {
    return driver.updateFramework(
        parse<FrameworkInfo>(f[1]), Fields(f.begin() + 3, f.end()), parse<scheduler::OfferConstraints>(f[2]));
  }
  need(3);
  if (name == "sendFrameworkMessage") {
    return driver.sendFrameworkMessage(parse<ExecutorID>(f[1]), parse<SlaveID>(f[2]), f[3]);
  }
  fail("no such method: " + name);
  return Status();
}

int main(int argc, char** argv) {
  if (argc != 2) fail("usage: framework MASTER");
  string line;
  std::getline(std::cin, line);
  MesosSchedulerDriver& driver = *make(argv[1], split(line, '\t'));
  print({"called", "start", std::to_string(driver.start())});
  std::thread([&driver] {
    print({"joined", std::to_string(driver.join())});
  }).detach();
  while (std::getline(std::cin, line)) {
    const Fields fields = split(line, '\t');
    if (!fields.empty()) print({"called", fields[0], std::to_string(call(driver, fields))});
  }
  driver.stop(false);
  driver.join();
  // The library's threads still run: its destructors would wait for them.
  _Exit(0);
}
