// A convolution of 3x3, 28x28x32 to 64 channels: 4 pixels of 4 channels for a thread.
gpu.module @m {
gpu.func @main(%X: memref<6272xvector<4xf32>>, %Wt: memref<4608xvector<4xf32>>, %Bi: memref<16xvector<4xf32>>, %O: memref<12544xvector<4xf32>>) kernel {
%bx = gpu.block_id x
%by = gpu.block_id y
%bz = gpu.block_id z
%tx = gpu.thread_id x
%ty = gpu.thread_id y
%tz = gpu.thread_id z
%c0 = arith.constant 0 : index
%c1 = arith.constant 1 : index
%c2 = arith.constant 2 : index
%c3 = arith.constant 3 : index
%c4 = arith.constant 4 : index
%c8 = arith.constant 8 : index
%c16 = arith.constant 16 : index
%c28 = arith.constant 28 : index
%c32 = arith.constant 32 : index
%x0 = arith.muli %bx, %c8 : index
%oc = arith.addi %x0, %tx : index
%w0 = arith.muli %by, %c4 : index
%h = arith.addi %bz, %c0 : index
%z = arith.constant dense<0.0> : vector<4xf32>
%true = arith.constant true
%bias = memref.load %Bi[%oc] : memref<16xvector<4xf32>>
%r:4 = scf.for %kh = %c0 to %c3 step %c1 iter_args(%p0 = %bias, %p1 = %bias, %p2 = %bias, %p3 = %bias) -> (vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>) {
%ih0 = arith.addi %h, %kh : index
%ih = arith.subi %ih0, %c1 : index
%H = arith.constant 28 : index
%okh = arith.cmpi ult, %ih, %H : index
%ihc = arith.select %okh, %ih, %c0 : index
%rowb = arith.muli %ihc, %c28 : index
%s:4 = scf.for %kw = %c0 to %c3 step %c1 iter_args(%q0 = %p0, %q1 = %p1, %q2 = %p2, %q3 = %p3) -> (vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>) {
%ci0 = arith.constant 0 : index
%iw0a = arith.addi %w0, %kw : index
%iw0b = arith.addi %iw0a, %ci0 : index
%iw0 = arith.subi %iw0b, %c1 : index
%okw0 = arith.cmpi ult, %iw0, %c28 : index
%ok0 = arith.andi %okw0, %okh : i1
%iwc0 = arith.select %okw0, %iw0, %c0 : index
%px0 = arith.addi %rowb, %iwc0 : index
%pb0 = arith.muli %px0, %c8 : index
%ci1 = arith.constant 1 : index
%iw1a = arith.addi %w0, %kw : index
%iw1b = arith.addi %iw1a, %ci1 : index
%iw1 = arith.subi %iw1b, %c1 : index
%okw1 = arith.cmpi ult, %iw1, %c28 : index
%ok1 = arith.andi %okw1, %okh : i1
%iwc1 = arith.select %okw1, %iw1, %c0 : index
%px1 = arith.addi %rowb, %iwc1 : index
%pb1 = arith.muli %px1, %c8 : index
%ci2 = arith.constant 2 : index
%iw2a = arith.addi %w0, %kw : index
%iw2b = arith.addi %iw2a, %ci2 : index
%iw2 = arith.subi %iw2b, %c1 : index
%okw2 = arith.cmpi ult, %iw2, %c28 : index
%ok2 = arith.andi %okw2, %okh : i1
%iwc2 = arith.select %okw2, %iw2, %c0 : index
%px2 = arith.addi %rowb, %iwc2 : index
%pb2 = arith.muli %px2, %c8 : index
%ci3 = arith.constant 3 : index
%iw3a = arith.addi %w0, %kw : index
%iw3b = arith.addi %iw3a, %ci3 : index
%iw3 = arith.subi %iw3b, %c1 : index
%okw3 = arith.cmpi ult, %iw3, %c28 : index
%ok3 = arith.andi %okw3, %okh : i1
%iwc3 = arith.select %okw3, %iw3, %c0 : index
%px3 = arith.addi %rowb, %iwc3 : index
%pb3 = arith.muli %px3, %c8 : index
%kh3 = arith.muli %kh, %c3 : index
%khw = arith.addi %kh3, %kw : index
%wb = arith.muli %khw, %c32 : index
%u:4 = scf.for %ic = %c0 to %c8 step %c1 iter_args(%t0_0 = %q0, %t1_0 = %q1, %t2_0 = %q2, %t3_0 = %q3) -> (vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>) {
%xi0 = arith.addi %pb0, %ic : index
%xl0 = memref.load %X[%xi0] : memref<6272xvector<4xf32>>
%okv0 = vector.broadcast %ok0 : i1 to vector<4xi1>
%xv0 = arith.select %okv0, %xl0, %z : vector<4xi1>, vector<4xf32>
%xi1 = arith.addi %pb1, %ic : index
%xl1 = memref.load %X[%xi1] : memref<6272xvector<4xf32>>
%okv1 = vector.broadcast %ok1 : i1 to vector<4xi1>
%xv1 = arith.select %okv1, %xl1, %z : vector<4xi1>, vector<4xf32>
%xi2 = arith.addi %pb2, %ic : index
%xl2 = memref.load %X[%xi2] : memref<6272xvector<4xf32>>
%okv2 = vector.broadcast %ok2 : i1 to vector<4xi1>
%xv2 = arith.select %okv2, %xl2, %z : vector<4xi1>, vector<4xf32>
%xi3 = arith.addi %pb3, %ic : index
%xl3 = memref.load %X[%xi3] : memref<6272xvector<4xf32>>
%okv3 = vector.broadcast %ok3 : i1 to vector<4xi1>
%xv3 = arith.select %okv3, %xl3, %z : vector<4xi1>, vector<4xf32>
%ic4 = arith.muli %ic, %c4 : index
%wi = arith.addi %wb, %ic4 : index
%wk0 = arith.addi %wi, %c0 : index
%wm0 = arith.muli %wk0, %c16 : index
%wo0 = arith.addi %wm0, %oc : index
%W0 = memref.load %Wt[%wo0] : memref<4608xvector<4xf32>>
%e0_0 = vector.extract %xv0[0] : f32 from vector<4xf32>
%b0_0 = vector.broadcast %e0_0 : f32 to vector<4xf32>
%t0_1 = vector.fma %b0_0, %W0, %t0_0 : vector<4xf32>
%e0_1 = vector.extract %xv1[0] : f32 from vector<4xf32>
%b0_1 = vector.broadcast %e0_1 : f32 to vector<4xf32>
%t1_1 = vector.fma %b0_1, %W0, %t1_0 : vector<4xf32>
%e0_2 = vector.extract %xv2[0] : f32 from vector<4xf32>
%b0_2 = vector.broadcast %e0_2 : f32 to vector<4xf32>
%t2_1 = vector.fma %b0_2, %W0, %t2_0 : vector<4xf32>
%e0_3 = vector.extract %xv3[0] : f32 from vector<4xf32>
%b0_3 = vector.broadcast %e0_3 : f32 to vector<4xf32>
%t3_1 = vector.fma %b0_3, %W0, %t3_0 : vector<4xf32>
%wk1 = arith.addi %wi, %c1 : index
%wm1 = arith.muli %wk1, %c16 : index
%wo1 = arith.addi %wm1, %oc : index
%W1 = memref.load %Wt[%wo1] : memref<4608xvector<4xf32>>
%e1_0 = vector.extract %xv0[1] : f32 from vector<4xf32>
%b1_0 = vector.broadcast %e1_0 : f32 to vector<4xf32>
%t0_2 = vector.fma %b1_0, %W1, %t0_1 : vector<4xf32>
%e1_1 = vector.extract %xv1[1] : f32 from vector<4xf32>
%b1_1 = vector.broadcast %e1_1 : f32 to vector<4xf32>
%t1_2 = vector.fma %b1_1, %W1, %t1_1 : vector<4xf32>
%e1_2 = vector.extract %xv2[1] : f32 from vector<4xf32>
%b1_2 = vector.broadcast %e1_2 : f32 to vector<4xf32>
%t2_2 = vector.fma %b1_2, %W1, %t2_1 : vector<4xf32>
%e1_3 = vector.extract %xv3[1] : f32 from vector<4xf32>
%b1_3 = vector.broadcast %e1_3 : f32 to vector<4xf32>
%t3_2 = vector.fma %b1_3, %W1, %t3_1 : vector<4xf32>
%wk2 = arith.addi %wi, %c2 : index
%wm2 = arith.muli %wk2, %c16 : index
%wo2 = arith.addi %wm2, %oc : index
%W2 = memref.load %Wt[%wo2] : memref<4608xvector<4xf32>>
%e2_0 = vector.extract %xv0[2] : f32 from vector<4xf32>
%b2_0 = vector.broadcast %e2_0 : f32 to vector<4xf32>
%t0_3 = vector.fma %b2_0, %W2, %t0_2 : vector<4xf32>
%e2_1 = vector.extract %xv1[2] : f32 from vector<4xf32>
%b2_1 = vector.broadcast %e2_1 : f32 to vector<4xf32>
%t1_3 = vector.fma %b2_1, %W2, %t1_2 : vector<4xf32>
%e2_2 = vector.extract %xv2[2] : f32 from vector<4xf32>
%b2_2 = vector.broadcast %e2_2 : f32 to vector<4xf32>
%t2_3 = vector.fma %b2_2, %W2, %t2_2 : vector<4xf32>
%e2_3 = vector.extract %xv3[2] : f32 from vector<4xf32>
%b2_3 = vector.broadcast %e2_3 : f32 to vector<4xf32>
%t3_3 = vector.fma %b2_3, %W2, %t3_2 : vector<4xf32>
%wk3 = arith.addi %wi, %c3 : index
%wm3 = arith.muli %wk3, %c16 : index
%wo3 = arith.addi %wm3, %oc : index
%W3 = memref.load %Wt[%wo3] : memref<4608xvector<4xf32>>
%e3_0 = vector.extract %xv0[3] : f32 from vector<4xf32>
%b3_0 = vector.broadcast %e3_0 : f32 to vector<4xf32>
%t0_4 = vector.fma %b3_0, %W3, %t0_3 : vector<4xf32>
%e3_1 = vector.extract %xv1[3] : f32 from vector<4xf32>
%b3_1 = vector.broadcast %e3_1 : f32 to vector<4xf32>
%t1_4 = vector.fma %b3_1, %W3, %t1_3 : vector<4xf32>
%e3_2 = vector.extract %xv2[3] : f32 from vector<4xf32>
%b3_2 = vector.broadcast %e3_2 : f32 to vector<4xf32>
%t2_4 = vector.fma %b3_2, %W3, %t2_3 : vector<4xf32>
%e3_3 = vector.extract %xv3[3] : f32 from vector<4xf32>
%b3_3 = vector.broadcast %e3_3 : f32 to vector<4xf32>
%t3_4 = vector.fma %b3_3, %W3, %t3_3 : vector<4xf32>
scf.yield %t0_4, %t1_4, %t2_4, %t3_4 : vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>
}
scf.yield %u#0, %u#1, %u#2, %u#3 : vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>
}
scf.yield %s#0, %s#1, %s#2, %s#3 : vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>
}
%hr = arith.muli %h, %c28 : index
%hw = arith.addi %hr, %w0 : index
%oi0c = arith.constant 0 : index
%oi0 = arith.addi %hw, %oi0c : index
%om0 = arith.muli %oi0, %c16 : index
%on0 = arith.addi %om0, %oc : index
%rl0 = arith.maxnumf %r#0, %z : vector<4xf32>
memref.store %rl0, %O[%on0] : memref<12544xvector<4xf32>>
%oi1c = arith.constant 1 : index
%oi1 = arith.addi %hw, %oi1c : index
%om1 = arith.muli %oi1, %c16 : index
%on1 = arith.addi %om1, %oc : index
%rl1 = arith.maxnumf %r#1, %z : vector<4xf32>
memref.store %rl1, %O[%on1] : memref<12544xvector<4xf32>>
%oi2c = arith.constant 2 : index
%oi2 = arith.addi %hw, %oi2c : index
%om2 = arith.muli %oi2, %c16 : index
%on2 = arith.addi %om2, %oc : index
%rl2 = arith.maxnumf %r#2, %z : vector<4xf32>
memref.store %rl2, %O[%on2] : memref<12544xvector<4xf32>>
%oi3c = arith.constant 3 : index
%oi3 = arith.addi %hw, %oi3c : index
%om3 = arith.muli %oi3, %c16 : index
%on3 = arith.addi %om3, %oc : index
%rl3 = arith.maxnumf %r#3, %z : vector<4xf32>
memref.store %rl3, %O[%on3] : memref<12544xvector<4xf32>>

gpu.return
}
}
