#include "bench/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <thread>

#include "base/error.h"

namespace fovea::bench {
namespace {

using Clock = std::chrono::steady_clock;

std::string error_text(int code) {
  char buffer[128];
  return strerror_r(code, buffer, sizeof buffer);
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

/// Text for a message: control characters become spaces.
std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  const size_t begin = line.find_first_not_of(' '), end = line.find_last_not_of(' ');
  return begin == std::string::npos ? std::string() : line.substr(begin, end - begin + 1);
}

/// The two ends of a pipe; what is left open is closed.
struct Pipe {
  std::array<int, 2> ends{-1, -1};
  bool open() { return pipe2(ends.data(), O_CLOEXEC) == 0; }
  int take(size_t end) { return std::exchange(ends[end], -1); }
  ~Pipe() {
    for (int& end : ends) close_fd(end);
  }
};

/// posix_spawn's two objects, made and destroyed together.
struct Spawn {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  Spawn() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    // A group of its own, and signals as a program expects them: SIGPIPE is ignored here, SIGINT has a handler.
    sigset_t defaults, none;
    sigemptyset(&none);
    sigemptyset(&defaults);
    for (int signal : {SIGPIPE, SIGINT, SIGTERM}) sigaddset(&defaults, signal);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~Spawn() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

}  // namespace

IgnoreSigpipe::IgnoreSigpipe() : before_(::signal(SIGPIPE, SIG_IGN)) {}
IgnoreSigpipe::~IgnoreSigpipe() {
  if (before_ != SIG_ERR) ::signal(SIGPIPE, before_);
}

Result<std::unique_ptr<Child>> Child::start(const std::vector<std::string>& argv) {
  Pipe in, out, err;
  if (!in.open() || !out.open() || !err.open()) return io("cannot make a pipe: {}", error_text(errno));
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  Spawn spawn;
  posix_spawn_file_actions_adddup2(&spawn.actions, in.ends[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&spawn.actions, out.ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&spawn.actions, err.ends[1], STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&spawn.actions, STDERR_FILENO + 1);
  pid_t pid = 0;
  if (const int failed = posix_spawn(&pid, arguments[0], &spawn.actions, &spawn.attributes, arguments.data(), environ);
      failed != 0)
    return io("cannot start it: {}", error_text(failed)).at(argv[0]);
  std::unique_ptr<Child> child(new Child(pid, in.take(1), out.take(0), err.take(0)));
  for (int fd : {child->in_, child->out_, child->err_}) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return child;
}

Child::~Child() {
  close_fd(in_);
  if (!reaped_) kill(-pid_, SIGKILL);
  reap(true);
  close_fd(out_);
  close_fd(err_);
}

bool Child::reap(bool block) {
  while (!reaped_) {
    siginfo_t info{};
    // First a look only: until the program has been waited for, the group's number cannot become another's.
    const int looked = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT | (block ? 0 : WNOHANG));
    if (looked < 0 && errno == EINTR) continue;
    if (looked == 0 && info.si_pid == 0) return false;
    kill(-pid_, SIGKILL);  // what it started and left behind
    while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR) continue;
    reaped_ = true;
  }
  return true;
}

void Child::drain_stderr() {
  char bytes[4096];
  constexpr size_t kKept = 4096;
  while (true) {
    const ssize_t got = read(err_, bytes, sizeof bytes);
    if (got <= 0) return;
    errors_.append(bytes, static_cast<size_t>(got));
    if (errors_.size() > 2 * kKept) errors_.erase(0, errors_.size() - kKept);
  }
}

Error Child::ended() {
  // The pipe is closed: it has ended, or is about to.
  for (int i = 0; i < 200 && !reap(false); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const std::string how = how_it_ended();
  drain_stderr();
  return io("{}", how.empty() ? "it closed its stdout" : "it ended with " + how);
}

Error Child::unasked() {
  char bytes[256];
  const ssize_t got = read(out_, bytes, sizeof bytes);
  if (got <= 0) return ended();
  return io("it spoke before it was asked: {}", one_line({bytes, static_cast<size_t>(got)}));
}

Result<void> Child::wait(bool for_writing, Deadline deadline, const Stop& stop) {
  while (true) {
    if (stop && stop()) return unavailable("interrupted");
    const double left = std::chrono::duration<double, std::milli>(deadline - Clock::now()).count();
    if (left <= 0) return unavailable("it did not answer in time");
    pollfd fds[3] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}, {for_writing ? in_ : -1, POLLOUT, 0}};
    constexpr double kLookUp = 100;  // ms between two questions to `stop`
    const int ready = poll(fds, 3, static_cast<int>(std::ceil(std::min(left, kLookUp))));
    if (ready < 0 && errno != EINTR) return io("cannot wait for it: {}", error_text(errno));
    if (ready <= 0) continue;
    if ((fds[1].revents & POLLIN) != 0) drain_stderr();
    if ((fds[1].revents & POLLHUP) != 0 && (fds[1].revents & POLLIN) == 0) close_fd(err_);
    if (for_writing && fds[0].revents != 0) return unasked();
    if (fds[0].revents != 0 || fds[2].revents != 0) return {};
  }
}

Result<void> Child::write(std::string_view text, Deadline deadline, const Stop& stop) {
  while (!text.empty()) {
    const ssize_t put = ::write(in_, text.data(), text.size());
    if (put >= 0) {
      text.remove_prefix(static_cast<size_t>(put));
    } else if (errno == EAGAIN) {
      FOVEA_TRY(wait(true, deadline, stop));
    } else if (errno != EINTR) {
      return ended();
    }
  }
  return {};
}

Result<std::string> Child::ask(std::string_view text, Seconds timeout, const Stop& stop) {
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout);
  if (pollfd early{out_, POLLIN, 0}; poll(&early, 1, 0) > 0) return unasked();
  FOVEA_TRY(write(text, deadline, stop));
  size_t searched = 0;
  while (true) {
    if (const size_t end = buffer_.find('\n', searched); end != std::string::npos) {
      if (end + 1 != buffer_.size()) return io("it said more than one line");
      std::string line = std::exchange(buffer_, {});
      line.pop_back();
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
    searched = buffer_.size();
    if (buffer_.size() > kMaxLine) return io("it said more than {} MB without an end of line", kMaxLine >> 20);
    FOVEA_TRY(wait(false, deadline, stop));
    char bytes[65536];
    const ssize_t got = read(out_, bytes, sizeof bytes);
    if (got > 0)
      buffer_.append(bytes, static_cast<size_t>(got));
    else if (got == 0)
      return ended();
    else if (errno != EAGAIN && errno != EINTR)
      return io("cannot read from it: {}", error_text(errno));
  }
}

void Child::end(std::string_view text, Seconds patience) {
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(patience);
  (void)write(text, deadline, nullptr);
  close_fd(in_);
  while (!reap(false) && Clock::now() < deadline) {
    drain_stderr();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  kill(-pid_, SIGKILL);
  reap(true);
}

std::string Child::how_it_ended() {
  if (!reap(false)) return {};
  if (WIFSIGNALED(status_)) return fmt::format("signal {} ({})", WTERMSIG(status_), strsignal(WTERMSIG(status_)));
  const int status = WEXITSTATUS(status_);
  constexpr int kShellSaysSignal = 128;
  if (status > kShellSaysSignal && status < kShellSaysSignal + 64)
    return fmt::format("exit status {} (signal {}, {})", status, status - kShellSaysSignal,
                       strsignal(status - kShellSaysSignal));
  return fmt::format("exit status {}", status);
}

std::string Child::last_words() const {
  std::string_view text = errors_;
  while (text.ends_with('\n') || text.ends_with(' ')) text.remove_suffix(1);
  constexpr size_t kLongest = 400, kLines = 3;
  size_t begin = text.size();
  for (size_t line = 0; line < kLines && begin != std::string_view::npos && begin > 0; ++line)
    begin = text.rfind('\n', begin - 1);
  if (begin != std::string_view::npos && begin < text.size()) text.remove_prefix(begin);
  if (text.size() > kLongest) text.remove_prefix(text.size() - kLongest);
  return one_line(text);
}

}  // namespace fovea::bench
