#!/usr/bin/env python3
"""Export at least one small model of every family of timm, with random weights: what fovea's coverage is tried on.

    tools/export_families.py OUTDIR [NAME...] [--legacy] [--opset N] [--jobs N]

Without names: FAMILIES below (with --legacy: LEGACY). Files that are there already stay. Each model is exported in a
process of its own; one that PyTorch cannot export with a dynamic batch gets a fixed one, and OUTDIR/failed.txt says
which failed altogether. tools/compare_models.py then compares fovea with ONNX Runtime on them.
"""

import argparse
import multiprocessing
import multiprocessing.pool
import sys
from pathlib import Path

FAMILIES = """
vit_tiny_patch16_224 deit3_small_patch16_224 swin_tiny_patch4_window7_224 mixer_s32_224 regnety_002 efficientnet_b0
levit_128s convnextv2_atto mobilevit_xxs tf_efficientnetv2_b0 maxvit_pico_rw_256 sequencer2d_s nf_resnet26
coatnet_pico_rw_224 botnet26t_256 eca_halonext26ts halonet26t lambda_resnet26t lamhalobotnet50ts_256 sebotnet33ts_256
haloregnetz_b bat_resnext26ts gcresnext26ts gernet_s mobileone_s0 regnetz_b16 regnetz_b16_evos repvgg_a0 resnet50_clip
resnet51q deit_tiny_distilled_patch16_224 beit_base_patch16_224 beitv2_base_patch16_224 cait_xxs24_224 coat_lite_tiny
coat_tiny convit_tiny convmixer_1024_20_ks9_p14 convnext_atto_ols convnext_tiny_hnf convnext_zepto_rms cpubone_nano
cpubone_b1_dwnorm crossvit_tiny_240 crossvit_9_dagger_240 csatv2 cs3darknet_focus_s cs3sedarknet_xdw cspresnet50
cspnext_tiny darknet17 darknetaa53 davit_tiny davit_base_fl deepseek_vit_412m densenet121 densenetblur121d dla34
dla60_res2net dpn48b edgenext_xx_small efficientformer_l1 efficientformerv2_s0 efficientnet_b0_g16_evos
efficientnet_b0_gn efficientnet_blur_b0 efficientnet_cc_b0_4e efficientnet_es efficientnet_lite0 efficientnet_x_b3
efficientnetv2_rw_t fbnetc_100 gc_efficientnetv2_rw_t mixnet_s mnasnet_050 mobilenet_edgetpu_v2_xs mobilenetv1_100
mobilenetv2_050 semnasnet_050 spnasnet_100 tf_efficientnet_b0 tf_efficientnet_lite0 tf_mixnet_s tinynet_e
efficientvim_m1 efficientvit_b0 efficientvit_l1 efficientvit_m0 eva02_tiny_patch14_224 vit_small_patch16_dinov3
vit_small_patch16_rope_224 vit_small_patch16_rope_mixed_ape_224 vit_pe_core_tiny_patch16_384
vit_medium_patch16_rope_reg1_gap_256 vit_small_patch16_lingbot fasternet_t0 fastvit_t8 fastvit_sa12 fastvit_mci0
focalnet_tiny_srf gcvit_xxtiny gemma4_vit_167m ghostnet_050 ghostnetv2_100 ghostnetv3_050 hardcorenas_a hgnet_tiny
hgnetv2_b0 hiera_tiny_224 hiera_small_abswin_256 hieradet_small sam2_hiera_tiny hrnet_w18_small iformer_t iformer_h
inception_next_atto inception_resnet_v2 inception_v3 inception_v4 lcnetv2_small levit_conv_128s lowformer_b0
mambaout_femto test_mambaout coatnet_nano_cc_224 coatnext_nano_rw_224 coatnet_rmlp_nano_rw_224 maxvit_tiny_tf_224
maxvit_tiny_pm_256 maxxvitv2_nano_rw_256 caformer_s18 convformer_s18 poolformer_s12 poolformerv2_s12 gmixer_12_224
gmlp_ti16_224 resmlp_12_224 fbnetv3_b lcnet_050 mobilenetv3_small_050 mobilenetv4_conv_small mobilenetv4_conv_aa_medium
mobilenetv4_conv_blur_medium mobilenetv4_hybrid_medium tf_mobilenetv3_small_minimal_100 mobilenetv5_base mobilevitv2_050
mvitv2_tiny mvitv2_small_cls naflexvit_base_patch16_gap naflexvit_base_patch16_map naflexvit_base_patch16_parfac_gap
nasnetalarge nest_tiny nextvit_small nfnet_l0 eca_nfnet_l0 dm_nfnet_f0 nf_regnet_b0 pit_ti_224 pit_ti_distilled_224
pnasnet5large pvt_v2_b0 pvt_v2_b2_li qwen3_vit_88m rdnet_tiny regnetx_002 regnetv_040 regnetz_005 repghostnet_050
repvit_m0_9 res2net50_14w_8s res2next50 resnest14d resnest50d_4s2x40d ecaresnet26t resnet10t resnet50_gn resnetaa34d
resnetblur18 resnetrs50 resnext50_32x4d seresnext26d_32x4d resnetv2_18 resnetv2_50d_evos resnetv2_50d_frn
resnetv2_50x1_bit rexnet_100 rexnetr_100 selecsls42b legacy_seresnet18 shvit_s1 skresnet18 starnet_s1 starnet_s050
swiftformer_xs swinv2_tiny_window8_256 swinv2_cr_tiny_ns_224 swin_s3_tiny_224 tiny_vit_5m_224 tnt_s_patch16_224
tresnet_m tresnet_v2_l twins_pcpvt_small twins_svt_small vgg11 vgg11_bn visformer_tiny aimv2_large_patch14_224
beit3_base_patch16_224 flexivit_small test_vit test_vit2 test_vit3 test_vit4 vit_base_patch16_siglip_gap_224
vit_base_patch16_xp_224 vit_base_patch32_clip_quickgelu_224 vit_base_patch16_rpn_224 vit_base_patch16_radio_v3
vit_small_patch14_reg4_dinov2 vit_small_patch16_18x2_224 vit_so150m_patch16_reg4_map_256 vit_dpwee_patch16_reg1_gap_256
vit_dlittle_patch16_reg1_gap_256 vit_wee_patch16_reg1_gap_256 vit_base_mci_224 vit_small_resnet26d_224
vit_tiny_r_s16_p8_224 vit_relpos_small_patch16_224 vit_srelpos_small_patch16_224 vit_relpos_base_patch16_clsgap_224
samvit_base_patch16_224 vitamin_small_224 volo_d1_224 ese_vovnet19b_slim_dw ese_vovnet39b_evos vovnet39a legacy_xception
xception41p xcit_nano_12_p16_224
""".split()

LEGACY = """
resnet50 vit_base_patch16_224 mobilenetv3_large_100 swin_tiny_patch4_window7_224 levit_128s tf_efficientnet_b0
regnety_002 convnextv2_atto mobilevit_xxs coatnet_pico_rw_224 mixer_s32_224 sequencer2d_s xcit_nano_12_p16_224
hiera_tiny_224 maxvit_pico_rw_256 nf_resnet26 resnest14d eva02_tiny_patch14_224 swinv2_tiny_window8_256 pvt_v2_b0
beit_base_patch16_224 poolformer_s12 densenet121 edgenext_xx_small efficientformer_l1 crossvit_tiny_240 cait_xxs24_224
twins_svt_small hrnet_w18_small inception_v3
""".split()


def randomise(model):
    """Statistics for BatchNorm, plain random values for parameters at or near zero: nothing cancels by luck."""
    import torch

    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        for parameter in model.parameters():
            if parameter.numel() and parameter.abs().max() < 1e-3:
                parameter.normal_(0, 0.02) if parameter.ndim > 1 else parameter.uniform_(0.1, 0.3)
    return model


def export_one(name: str, path: Path, legacy: bool, opset: int, report):
    """Runs in a process of its own; puts "" or the reason of the failure into `report`."""
    import torch

    import export_timm

    torch.set_num_threads(1)
    torch.manual_seed(0)
    try:
        model = randomise(export_timm.create_model(name, exportable=legacy))
        recipe = export_timm.recipe_of(model)
        example = torch.randn(2, *recipe["input_size"])
        options = {
            "legacy": legacy,
            "opset": opset,
            "metadata": export_timm.metadata_of(recipe, export_timm.labels_of(model)),
        }
        try:
            export_timm.write_onnx(model, example, path, **options)
            batch = "dynamic batch"
        except Exception:
            export_timm.write_onnx(model, example[:1], path, dynamic_batch=False, **options)
            batch = "batch 1"
        print(f"{path} {path.stat().st_size / 1e6:.1f} MB, {batch}", flush=True)
        report.put("")
    except Exception as error:
        report.put(f"{type(error).__name__}: {error}".strip().splitlines()[0][:300])


def export_in_process(name: str, path: Path, legacy: bool, opset: int, timeout_s: int) -> str:
    context = multiprocessing.get_context("spawn")
    report = context.SimpleQueue()
    process = context.Process(target=export_one, args=(name, path, legacy, opset, report))
    process.start()
    process.join(timeout_s)
    if process.is_alive():
        process.kill()
        process.join()
        return f"took longer than {timeout_s} s"
    return report.get() if not report.empty() else f"the process ended with {process.exitcode}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", type=Path)
    parser.add_argument("names", nargs="*", help="timm architectures (default: one or more of every family)")
    parser.add_argument("--legacy", action="store_true", help="PyTorch's older exporter")
    parser.add_argument("--opset", type=int, default=None, help="default: 20; 18 with --legacy")
    parser.add_argument("--jobs", type=int, default=1, help="exports at the same time")
    parser.add_argument("--timeout", type=int, default=900, metavar="S", help="seconds for one model")
    arguments = parser.parse_args()
    arguments.outdir.mkdir(parents=True, exist_ok=True)
    opset = arguments.opset or (18 if arguments.legacy else 20)
    names = arguments.names or (LEGACY if arguments.legacy else FAMILIES)
    failed = {}

    def work(name):
        path = arguments.outdir / f"{name}.onnx"
        if not path.exists() and (reason := export_in_process(name, path, arguments.legacy, opset, arguments.timeout)):
            failed[name] = reason
            print(f"{name}: FAILED: {reason}", flush=True)

    with multiprocessing.pool.ThreadPool(arguments.jobs) as pool:
        pool.map(work, names, chunksize=1)
    (arguments.outdir / "failed.txt").write_text("".join(f"{name}: {reason}\n" for name, reason in failed.items()))
    print(f"{len(names) - len(failed)} of {len(names)} exported")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
