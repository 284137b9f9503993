// Another program, spoken to line by line through its stdin and stdout; its last words on stderr are kept.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/result.h"

namespace fovea::bench {

/// While it lives, writing to a program that has ended is an error that write() reports, and not the end of this one.
class IgnoreSigpipe {
 public:
  IgnoreSigpipe();
  ~IgnoreSigpipe();
  IgnoreSigpipe(const IgnoreSigpipe&) = delete;
  IgnoreSigpipe& operator=(const IgnoreSigpipe&) = delete;

 private:
  void (*before_)(int);
};

class Child {
 public:
  using Seconds = std::chrono::duration<double>;
  /// Asked several times a second while something is waited for.
  using Stop = std::function<bool()>;

  /// Starts a program in a process group of its own: Ctrl-C on the terminal does not reach it, and what it starts can
  /// be ended with it. It inherits stdin, stdout and stderr, which lead to us, and no other descriptor. Error: io,
  /// naming argv[0].
  static Result<std::unique_ptr<Child>> start(const std::vector<std::string>& argv);
  /// Kills the group and waits for the program.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }

  /// Writes the text and reads one line, without its end. Error: unavailable where nothing came within `timeout`, or
  /// `stop` became true; io where the program ended, spoke unasked, or said more than one line or one longer than
  /// kMaxLine. After an error the conversation is over.
  Result<std::string> ask(std::string_view text, Seconds timeout, const Stop& stop);

  /// Closes its stdin after `text` and gives it `patience` to end by itself, then kills it.
  void end(std::string_view text, Seconds patience);

  /// "signal 11 (Segmentation fault)", "exit status 3"; waits for it. Empty while it is running.
  std::string how_it_ended();
  /// The last lines it wrote to stderr, control characters replaced; empty where it wrote nothing.
  std::string last_words() const;

  static constexpr size_t kMaxLine = 16 << 20;

 private:
  Child(pid_t pid, int in, int out, int err) : pid_(pid), in_(in), out_(out), err_(err) {}
  using Deadline = std::chrono::steady_clock::time_point;
  /// Waits until its stdout has more, or its stdin takes more, and reads stderr meanwhile.
  Result<void> wait(bool for_writing, Deadline deadline, const Stop& stop);
  Result<void> write(std::string_view text, Deadline deadline, const Stop& stop);
  void drain_stderr();
  bool reap(bool block);
  Error ended();
  Error unasked();

  pid_t pid_;
  int in_, out_, err_;
  std::string buffer_;  // of stdout, not yet taken
  std::string errors_;  // the end of stderr
  int status_ = 0;
  bool reaped_ = false;
};

}  // namespace fovea::bench
