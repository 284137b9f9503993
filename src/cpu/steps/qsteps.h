// The makers of steps over bytes; like those of steps.h they decline (nullptr) what they cannot do.
#pragma once

#include "cpu/lower.h"

namespace fovea::cpu {

StepPtr make_qconv_step(const LowerNode& node);             // fovea.QConv
StepPtr make_qpointwise_step(const LowerNode& node);        // fovea.QConv 1x1
StepPtr make_qdepthwise_step(const LowerNode& node);        // fovea.QConv with a channel to each group
StepPtr make_qlinear_step(const LowerNode& node);           // fovea.QMatMul with constant weights
StepPtr make_qmatmul_step(const LowerNode& node);           // fovea.QMatMul of two computed operands
StepPtr make_quantize_step(const LowerNode& node);          // QuantizeLinear and DequantizeLinear of u8
StepPtr make_dynamic_quantize_step(const LowerNode& node);  // DynamicQuantizeLinear
StepPtr make_qlookup_step(const LowerNode& node);           // fovea.QLookup
StepPtr make_qbinary_step(const LowerNode& node);           // fovea.QBinary
StepPtr make_qmean_step(const LowerNode& node);             // fovea.QMean
StepPtr make_qpool_step(const LowerNode& node);             // fovea.QAveragePool, and fovea.MaxPool of u8

}  // namespace fovea::cpu
