// An engine behind the C border: checks what goes in and what comes out.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "backends/backend.h"
#include "fovea/fovea_backend.h"

namespace fovea::backends {

/// Catches what a plugin reports while one of its functions runs.
class PluginReport {
 public:
  explicit PluginReport(std::string_view backend);
  PluginReport(const PluginReport&) = delete;
  PluginReport& operator=(const PluginReport&) = delete;
  const fovea_report* c_report() const { return &report_; }
  /// Nothing for FOVEA_OK, else what was reported.
  Result<void> check(int32_t code) const;

 private:
  fovea_report report_;
  std::string backend_, message_, fix_;
};

/// The options of -O as the border takes them; they point into `options`.
std::vector<fovea_setting> to_settings(const CompileOptions& options);

/// Compiles with the plugin behind `table`. Error: what it reports; internal where it breaks the border's rules.
Result<std::unique_ptr<Engine>> compile_with_plugin(const fovea_backend& table, const Source& source,
                                                    std::string_view device, const CompileOptions& options);

}  // namespace fovea::backends
