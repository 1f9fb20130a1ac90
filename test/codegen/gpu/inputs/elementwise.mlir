// A chain of multiplications, maxima and minima on 4 f16.
gpu.module @m {
gpu.func @main(%X: memref<4096xvector<4xf16>>, %O: memref<4096xvector<4xf16>>, %n: index) kernel {
%bx = gpu.block_id x
%by = gpu.block_id y
%bz = gpu.block_id z
%tx = gpu.thread_id x
%ty = gpu.thread_id y
%tz = gpu.thread_id z
%c64 = arith.constant 64 : index
%a = arith.muli %bx, %c64 : index
%i = arith.addi %a, %tx : index
%ok = arith.cmpi ult, %i, %n : index
scf.if %ok {
%x = memref.load %X[%i] : memref<4096xvector<4xf16>>
%s = arith.constant dense<1.5> : vector<4xf16>
%b = arith.constant dense<0.25> : vector<4xf16>
%y = vector.fma %x, %s, %b : vector<4xf16>
%c3 = arith.constant dense<3.0> : vector<4xf16>
%c0 = arith.constant dense<0.0> : vector<4xf16>
%c6 = arith.constant dense<6.0> : vector<4xf16>
%i6 = arith.constant dense<0.1666> : vector<4xf16>
%t = arith.addf %y, %c3 : vector<4xf16>
%t1 = arith.maxnumf %t, %c0 : vector<4xf16>
%t2 = arith.minnumf %t1, %c6 : vector<4xf16>
%t3 = arith.mulf %t2, %i6 : vector<4xf16>
%r = arith.mulf %y, %t3 : vector<4xf16>
memref.store %r, %O[%i] : memref<4096xvector<4xf16>>
}
gpu.return
}
}
