// OpenVINO's types and exceptions as the border's.
#pragma once

#include <string>

#include "plugin.h"

#include <openvino/openvino.hpp>

namespace fovea::plugin {

/// Throws FOVEA_UNSUPPORTED for a type that the border has not (4-bit integers, strings), naming `port`.
int32_t to_dtype(const ov::element::Type& type, const std::string& port);
ov::element::Type to_element_type(int32_t dtype);

/// The model's declaration of one input or output.
Port to_port(const ov::Output<const ov::Node>& value);

/// What OpenVINO says in an exception, on one line, without the places in its sources.
std::string message_of(const std::exception& e);

}  // namespace fovea::plugin
