// What the user calls an IMAGE: a file, a folder, a glob, or "-" for bytes on stdin; turned into a list of photos.
#pragma once

#include <filesystem>
#include <istream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "fovea/result.h"
#include "image/decode.h"
#include "image/photo_reader.h"

namespace fovea::pipeline {

struct Photo {
  std::string name;                          // as shown: the path, or "-"
  std::shared_ptr<const std::string> bytes;  // of stdin; nullptr: the photo is the file `name`
};

struct PhotoList {
  std::vector<Photo> photos;
  std::vector<Error> failures;  // arguments that led to none
};

/// Most bytes taken from stdin.
inline constexpr size_t kMaxStdinBytes = size_t{1} << 30;

/// In the order of the arguments. A folder gives the .jpg, .jpeg, .png and .webp files in it and in all folders below
/// (links to folders are not followed, hidden names are left out), sorted by path; a glob (*, ?, [..]) gives what it
/// matches, sorted. A name that exists is taken as it is, even with such characters in it.
PhotoList find_photos(std::span<const std::string> arguments, std::istream& in);

/// The photo's pixels. Error: image::read_image's.
Result<image::Image> decode_photo(const Photo& photo, const image::DecodeOptions& options);

/// A photo that is about to be decoded, and the bytes that it needs for that.
struct OpenPhoto {
  std::shared_ptr<const MappedFile> file;  // nullptr: the photo's own bytes
  std::unique_ptr<image::PhotoReader> reader;
};
/// Error: image::PhotoReader::open's, and a file's.
Result<OpenPhoto> open_photo(const Photo& photo, const image::DecodeOptions& options);

}  // namespace fovea::pipeline
