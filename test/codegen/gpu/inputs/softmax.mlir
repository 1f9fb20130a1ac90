// Softmax of rows of 1,000 by workgroups of 64.
gpu.module @m {
gpu.func @main(%X: memref<8000xf32>, %O: memref<8000xf32>) kernel {
%S = memref.alloc() : memref<64xf32, 3>
%bx = gpu.block_id x
%by = gpu.block_id y
%bz = gpu.block_id z
%tx = gpu.thread_id x
%ty = gpu.thread_id y
%tz = gpu.thread_id z
%c0 = arith.constant 0 : index
%c1 = arith.constant 1 : index
%c64 = arith.constant 64 : index
%c1000 = arith.constant 1000 : index
%ninf = arith.constant -3.0e38 : f32
%zf = arith.constant 0.0 : f32
%rb = arith.muli %bx, %c1000 : index
%m = scf.for %i = %tx to %c1000 step %c64 iter_args(%a = %ninf) -> (f32) {
  %ix = arith.addi %rb, %i : index
  %v = memref.load %X[%ix] : memref<8000xf32>
  %w = arith.maxnumf %a, %v : f32
  scf.yield %w : f32
}
memref.store %m, %S[%tx] : memref<64xf32, 3>
gpu.barrier
%dmx32 = arith.constant 32 : index
%pmx32 = arith.cmpi ult, %tx, %dmx32 : index
scf.if %pmx32 {
  %qmx32 = arith.addi %tx, %dmx32 : index
  %lmx32 = memref.load %S[%tx] : memref<64xf32, 3>
  %rmx32 = memref.load %S[%qmx32] : memref<64xf32, 3>
  %omx32 = arith.maxnumf %lmx32, %rmx32 : f32
  memref.store %omx32, %S[%tx] : memref<64xf32, 3>
}
gpu.barrier
%dmx16 = arith.constant 16 : index
%pmx16 = arith.cmpi ult, %tx, %dmx16 : index
scf.if %pmx16 {
  %qmx16 = arith.addi %tx, %dmx16 : index
  %lmx16 = memref.load %S[%tx] : memref<64xf32, 3>
  %rmx16 = memref.load %S[%qmx16] : memref<64xf32, 3>
  %omx16 = arith.maxnumf %lmx16, %rmx16 : f32
  memref.store %omx16, %S[%tx] : memref<64xf32, 3>
}
gpu.barrier
%dmx8 = arith.constant 8 : index
%pmx8 = arith.cmpi ult, %tx, %dmx8 : index
scf.if %pmx8 {
  %qmx8 = arith.addi %tx, %dmx8 : index
  %lmx8 = memref.load %S[%tx] : memref<64xf32, 3>
  %rmx8 = memref.load %S[%qmx8] : memref<64xf32, 3>
  %omx8 = arith.maxnumf %lmx8, %rmx8 : f32
  memref.store %omx8, %S[%tx] : memref<64xf32, 3>
}
gpu.barrier
%dmx4 = arith.constant 4 : index
%pmx4 = arith.cmpi ult, %tx, %dmx4 : index
scf.if %pmx4 {
  %qmx4 = arith.addi %tx, %dmx4 : index
  %lmx4 = memref.load %S[%tx] : memref<64xf32, 3>
  %rmx4 = memref.load %S[%qmx4] : memref<64xf32, 3>
  %omx4 = arith.maxnumf %lmx4, %rmx4 : f32
  memref.store %omx4, %S[%tx] : memref<64xf32, 3>
}
gpu.barrier
%dmx2 = arith.constant 2 : index
%pmx2 = arith.cmpi ult, %tx, %dmx2 : index
scf.if %pmx2 {
  %qmx2 = arith.addi %tx, %dmx2 : index
  %lmx2 = memref.load %S[%tx] : memref<64xf32, 3>
  %rmx2 = memref.load %S[%qmx2] : memref<64xf32, 3>
  %omx2 = arith.maxnumf %lmx2, %rmx2 : f32
  memref.store %omx2, %S[%tx] : memref<64xf32, 3>
}
gpu.barrier
%dmx1 = arith.constant 1 : index
%pmx1 = arith.cmpi ult, %tx, %dmx1 : index
scf.if %pmx1 {
  %qmx1 = arith.addi %tx, %dmx1 : index
  %lmx1 = memref.load %S[%tx] : memref<64xf32, 3>
  %rmx1 = memref.load %S[%qmx1] : memref<64xf32, 3>
  %omx1 = arith.maxnumf %lmx1, %rmx1 : f32
  memref.store %omx1, %S[%tx] : memref<64xf32, 3>
}
gpu.barrier
%mx = memref.load %S[%c0] : memref<64xf32, 3>
gpu.barrier
%s = scf.for %i = %tx to %c1000 step %c64 iter_args(%a = %zf) -> (f32) {
  %ix = arith.addi %rb, %i : index
  %v = memref.load %X[%ix] : memref<8000xf32>
  %d = arith.subf %v, %mx : f32
  %e = math.exp %d : f32
  memref.store %e, %O[%ix] : memref<8000xf32>
  %w = arith.addf %a, %e : f32
  scf.yield %w : f32
}
memref.store %s, %S[%tx] : memref<64xf32, 3>
gpu.barrier
%dsm32 = arith.constant 32 : index
%psm32 = arith.cmpi ult, %tx, %dsm32 : index
scf.if %psm32 {
  %qsm32 = arith.addi %tx, %dsm32 : index
  %lsm32 = memref.load %S[%tx] : memref<64xf32, 3>
  %rsm32 = memref.load %S[%qsm32] : memref<64xf32, 3>
  %osm32 = arith.addf %lsm32, %rsm32 : f32
  memref.store %osm32, %S[%tx] : memref<64xf32, 3>
}
gpu.barrier
%dsm16 = arith.constant 16 : index
%psm16 = arith.cmpi ult, %tx, %dsm16 : index
scf.if %psm16 {
  %qsm16 = arith.addi %tx, %dsm16 : index
  %lsm16 = memref.load %S[%tx] : memref<64xf32, 3>
  %rsm16 = memref.load %S[%qsm16] : memref<64xf32, 3>
  %osm16 = arith.addf %lsm16, %rsm16 : f32
  memref.store %osm16, %S[%tx] : memref<64xf32, 3>
}
gpu.barrier
%dsm8 = arith.constant 8 : index
%psm8 = arith.cmpi ult, %tx, %dsm8 : index
scf.if %psm8 {
  %qsm8 = arith.addi %tx, %dsm8 : index
  %lsm8 = memref.load %S[%tx] : memref<64xf32, 3>
  %rsm8 = memref.load %S[%qsm8] : memref<64xf32, 3>
  %osm8 = arith.addf %lsm8, %rsm8 : f32
  memref.store %osm8, %S[%tx] : memref<64xf32, 3>
}
gpu.barrier
%dsm4 = arith.constant 4 : index
%psm4 = arith.cmpi ult, %tx, %dsm4 : index
scf.if %psm4 {
  %qsm4 = arith.addi %tx, %dsm4 : index
  %lsm4 = memref.load %S[%tx] : memref<64xf32, 3>
  %rsm4 = memref.load %S[%qsm4] : memref<64xf32, 3>
  %osm4 = arith.addf %lsm4, %rsm4 : f32
  memref.store %osm4, %S[%tx] : memref<64xf32, 3>
}
gpu.barrier
%dsm2 = arith.constant 2 : index
%psm2 = arith.cmpi ult, %tx, %dsm2 : index
scf.if %psm2 {
  %qsm2 = arith.addi %tx, %dsm2 : index
  %lsm2 = memref.load %S[%tx] : memref<64xf32, 3>
  %rsm2 = memref.load %S[%qsm2] : memref<64xf32, 3>
  %osm2 = arith.addf %lsm2, %rsm2 : f32
  memref.store %osm2, %S[%tx] : memref<64xf32, 3>
}
gpu.barrier
%dsm1 = arith.constant 1 : index
%psm1 = arith.cmpi ult, %tx, %dsm1 : index
scf.if %psm1 {
  %qsm1 = arith.addi %tx, %dsm1 : index
  %lsm1 = memref.load %S[%tx] : memref<64xf32, 3>
  %rsm1 = memref.load %S[%qsm1] : memref<64xf32, 3>
  %osm1 = arith.addf %lsm1, %rsm1 : f32
  memref.store %osm1, %S[%tx] : memref<64xf32, 3>
}
gpu.barrier
%sm = memref.load %S[%c0] : memref<64xf32, 3>
gpu.barrier
%one = arith.constant 1.0 : f32
%inv = arith.divf %one, %sm : f32
scf.for %i = %tx to %c1000 step %c64 {
  %ix = arith.addi %rb, %i : index
  %v = memref.load %O[%ix] : memref<8000xf32>
  %w = arith.mulf %v, %inv : f32
  memref.store %w, %O[%ix] : memref<8000xf32>
}
gpu.return
}
}
