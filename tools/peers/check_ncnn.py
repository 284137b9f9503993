"""Run m.ncnn.param and m.ncnn.bin of a folder on its x.npy: check_ncnn.py FOLDER OUTPUTS writes out0.npy, out1.npy ..."""

import sys

import ncnn
import numpy as np

folder, count = sys.argv[1], int(sys.argv[2])
net = ncnn.Net()
net.opt.use_vulkan_compute = False
net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
if net.load_param(f"{folder}/m.ncnn.param") != 0 or net.load_model(f"{folder}/m.ncnn.bin") != 0:
    sys.exit("it does not read the files")
extractor = net.create_extractor()
image = np.load(f"{folder}/x.npy")  # a Mat does not keep the array that it was made from
extractor.input("in0", ncnn.Mat(image))
for index in range(count):
    code, mat = extractor.extract(f"out{index}")
    if code != 0:
        sys.exit(f"out{index} could not be computed (code {code})")
    np.save(f"{folder}/out{index}.npy", np.array(mat))
