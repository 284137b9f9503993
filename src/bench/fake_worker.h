// Workers for tests: a few lines of shell that speak the protocol, well or badly.
#pragma once

#include <string>
#include <vector>

namespace fovea::bench {

inline const std::string kFakeLoaded =
    R"(echo '{"loaded": {"library": "Fake 1", "load_s": 0.5, "first_s": 0.25, "outputs": []}}')";

/// A program that runs `on_load` when it is to load, and `on_run` when it is to run.
inline std::vector<std::string> fake_worker(const std::string& on_load, const std::string& on_run) {
  return {"/bin/sh", "-c",
          "while read -r line; do case \"$line\" in '{\"load\"'*) " + on_load + ";; '{\"run\"'*) " + on_run +
              ";; '{\"stop\"'*) exit 0;; *) echo '{\"failed\": \"what?\", \"fix\": \"\"}';; esac; done"};
}

/// Loads and answers three runs of this many milliseconds.
inline std::vector<std::string> fake_worker_of(const std::string& ms) {
  return fake_worker(kFakeLoaded, "echo '{\"ms\": [" + ms + ", " + ms + ", " + ms + "]}'");
}

}  // namespace fovea::bench
