// The program at the head of fovea/fovea.h, with the paths from the command line.
#include <fovea/fovea.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  auto model = fovea::Model::load(argv[1]);
  auto engine = fovea::compile(model, {.threads = 1});
  auto top = fovea::classify(engine, fovea::Image::open(argv[2]), 5);
  if (!top) {
    std::fprintf(stderr, "%s\n", top.error().to_string().c_str());
    return 1;
  }
  for (const auto& answer : *top) std::printf("%5.1f %%  %s\n", 100 * answer.probability, answer.label.c_str());
}
