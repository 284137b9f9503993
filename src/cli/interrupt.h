// Ctrl-C: the first asks the command to stop after what it is doing, the second ends the process.
#pragma once

namespace fovea::cli {

void catch_interrupts();
bool interrupted();

}  // namespace fovea::cli
