// A depthwise convolution of 3x3: a pixel of 4 channels for a thread, a branch for each tap.
gpu.module @m {
gpu.func @main(%X: memref<12544xvector<4xf32>>, %Wt: memref<144xvector<4xf32>>, %O: memref<12544xvector<4xf32>>) kernel {
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
%c8 = arith.constant 8 : index
%c16 = arith.constant 16 : index
%c28 = arith.constant 28 : index
%x0 = arith.muli %bx, %c8 : index
%c = arith.addi %x0, %tx : index
%z = arith.constant dense<0.0> : vector<4xf32>
%H = arith.constant 28 : index
%ha00 = arith.addi %bz, %c0 : index
%h00 = arith.subi %ha00, %c1 : index
%wa00 = arith.addi %by, %c0 : index
%w00 = arith.subi %wa00, %c1 : index
%o100 = arith.cmpi ult, %h00, %H : index
%o200 = arith.cmpi ult, %w00, %c28 : index
%ok00 = arith.andi %o100, %o200 : i1
%r00 = scf.if %ok00 -> (vector<4xf32>) {
%a00 = arith.muli %h00, %c28 : index
%b00 = arith.addi %a00, %w00 : index
%d00 = arith.muli %b00, %c16 : index
%i00 = arith.addi %d00, %c : index
%x00 = memref.load %X[%i00] : memref<12544xvector<4xf32>>
%k00 = arith.constant 0 : index
%l00 = arith.muli %k00, %c16 : index
%m00 = arith.addi %l00, %c : index
%y00 = memref.load %Wt[%m00] : memref<144xvector<4xf32>>
%f00 = vector.fma %x00, %y00, %z : vector<4xf32>
scf.yield %f00 : vector<4xf32>
} else {
scf.yield %z : vector<4xf32>
}
%ha01 = arith.addi %bz, %c0 : index
%h01 = arith.subi %ha01, %c1 : index
%wa01 = arith.addi %by, %c1 : index
%w01 = arith.subi %wa01, %c1 : index
%o101 = arith.cmpi ult, %h01, %H : index
%o201 = arith.cmpi ult, %w01, %c28 : index
%ok01 = arith.andi %o101, %o201 : i1
%r01 = scf.if %ok01 -> (vector<4xf32>) {
%a01 = arith.muli %h01, %c28 : index
%b01 = arith.addi %a01, %w01 : index
%d01 = arith.muli %b01, %c16 : index
%i01 = arith.addi %d01, %c : index
%x01 = memref.load %X[%i01] : memref<12544xvector<4xf32>>
%k01 = arith.constant 1 : index
%l01 = arith.muli %k01, %c16 : index
%m01 = arith.addi %l01, %c : index
%y01 = memref.load %Wt[%m01] : memref<144xvector<4xf32>>
%f01 = vector.fma %x01, %y01, %r00 : vector<4xf32>
scf.yield %f01 : vector<4xf32>
} else {
scf.yield %r00 : vector<4xf32>
}
%ha02 = arith.addi %bz, %c0 : index
%h02 = arith.subi %ha02, %c1 : index
%wa02 = arith.addi %by, %c2 : index
%w02 = arith.subi %wa02, %c1 : index
%o102 = arith.cmpi ult, %h02, %H : index
%o202 = arith.cmpi ult, %w02, %c28 : index
%ok02 = arith.andi %o102, %o202 : i1
%r02 = scf.if %ok02 -> (vector<4xf32>) {
%a02 = arith.muli %h02, %c28 : index
%b02 = arith.addi %a02, %w02 : index
%d02 = arith.muli %b02, %c16 : index
%i02 = arith.addi %d02, %c : index
%x02 = memref.load %X[%i02] : memref<12544xvector<4xf32>>
%k02 = arith.constant 2 : index
%l02 = arith.muli %k02, %c16 : index
%m02 = arith.addi %l02, %c : index
%y02 = memref.load %Wt[%m02] : memref<144xvector<4xf32>>
%f02 = vector.fma %x02, %y02, %r01 : vector<4xf32>
scf.yield %f02 : vector<4xf32>
} else {
scf.yield %r01 : vector<4xf32>
}
%ha10 = arith.addi %bz, %c1 : index
%h10 = arith.subi %ha10, %c1 : index
%wa10 = arith.addi %by, %c0 : index
%w10 = arith.subi %wa10, %c1 : index
%o110 = arith.cmpi ult, %h10, %H : index
%o210 = arith.cmpi ult, %w10, %c28 : index
%ok10 = arith.andi %o110, %o210 : i1
%r10 = scf.if %ok10 -> (vector<4xf32>) {
%a10 = arith.muli %h10, %c28 : index
%b10 = arith.addi %a10, %w10 : index
%d10 = arith.muli %b10, %c16 : index
%i10 = arith.addi %d10, %c : index
%x10 = memref.load %X[%i10] : memref<12544xvector<4xf32>>
%k10 = arith.constant 3 : index
%l10 = arith.muli %k10, %c16 : index
%m10 = arith.addi %l10, %c : index
%y10 = memref.load %Wt[%m10] : memref<144xvector<4xf32>>
%f10 = vector.fma %x10, %y10, %r02 : vector<4xf32>
scf.yield %f10 : vector<4xf32>
} else {
scf.yield %r02 : vector<4xf32>
}
%ha11 = arith.addi %bz, %c1 : index
%h11 = arith.subi %ha11, %c1 : index
%wa11 = arith.addi %by, %c1 : index
%w11 = arith.subi %wa11, %c1 : index
%o111 = arith.cmpi ult, %h11, %H : index
%o211 = arith.cmpi ult, %w11, %c28 : index
%ok11 = arith.andi %o111, %o211 : i1
%r11 = scf.if %ok11 -> (vector<4xf32>) {
%a11 = arith.muli %h11, %c28 : index
%b11 = arith.addi %a11, %w11 : index
%d11 = arith.muli %b11, %c16 : index
%i11 = arith.addi %d11, %c : index
%x11 = memref.load %X[%i11] : memref<12544xvector<4xf32>>
%k11 = arith.constant 4 : index
%l11 = arith.muli %k11, %c16 : index
%m11 = arith.addi %l11, %c : index
%y11 = memref.load %Wt[%m11] : memref<144xvector<4xf32>>
%f11 = vector.fma %x11, %y11, %r10 : vector<4xf32>
scf.yield %f11 : vector<4xf32>
} else {
scf.yield %r10 : vector<4xf32>
}
%ha12 = arith.addi %bz, %c1 : index
%h12 = arith.subi %ha12, %c1 : index
%wa12 = arith.addi %by, %c2 : index
%w12 = arith.subi %wa12, %c1 : index
%o112 = arith.cmpi ult, %h12, %H : index
%o212 = arith.cmpi ult, %w12, %c28 : index
%ok12 = arith.andi %o112, %o212 : i1
%r12 = scf.if %ok12 -> (vector<4xf32>) {
%a12 = arith.muli %h12, %c28 : index
%b12 = arith.addi %a12, %w12 : index
%d12 = arith.muli %b12, %c16 : index
%i12 = arith.addi %d12, %c : index
%x12 = memref.load %X[%i12] : memref<12544xvector<4xf32>>
%k12 = arith.constant 5 : index
%l12 = arith.muli %k12, %c16 : index
%m12 = arith.addi %l12, %c : index
%y12 = memref.load %Wt[%m12] : memref<144xvector<4xf32>>
%f12 = vector.fma %x12, %y12, %r11 : vector<4xf32>
scf.yield %f12 : vector<4xf32>
} else {
scf.yield %r11 : vector<4xf32>
}
%ha20 = arith.addi %bz, %c2 : index
%h20 = arith.subi %ha20, %c1 : index
%wa20 = arith.addi %by, %c0 : index
%w20 = arith.subi %wa20, %c1 : index
%o120 = arith.cmpi ult, %h20, %H : index
%o220 = arith.cmpi ult, %w20, %c28 : index
%ok20 = arith.andi %o120, %o220 : i1
%r20 = scf.if %ok20 -> (vector<4xf32>) {
%a20 = arith.muli %h20, %c28 : index
%b20 = arith.addi %a20, %w20 : index
%d20 = arith.muli %b20, %c16 : index
%i20 = arith.addi %d20, %c : index
%x20 = memref.load %X[%i20] : memref<12544xvector<4xf32>>
%k20 = arith.constant 6 : index
%l20 = arith.muli %k20, %c16 : index
%m20 = arith.addi %l20, %c : index
%y20 = memref.load %Wt[%m20] : memref<144xvector<4xf32>>
%f20 = vector.fma %x20, %y20, %r12 : vector<4xf32>
scf.yield %f20 : vector<4xf32>
} else {
scf.yield %r12 : vector<4xf32>
}
%ha21 = arith.addi %bz, %c2 : index
%h21 = arith.subi %ha21, %c1 : index
%wa21 = arith.addi %by, %c1 : index
%w21 = arith.subi %wa21, %c1 : index
%o121 = arith.cmpi ult, %h21, %H : index
%o221 = arith.cmpi ult, %w21, %c28 : index
%ok21 = arith.andi %o121, %o221 : i1
%r21 = scf.if %ok21 -> (vector<4xf32>) {
%a21 = arith.muli %h21, %c28 : index
%b21 = arith.addi %a21, %w21 : index
%d21 = arith.muli %b21, %c16 : index
%i21 = arith.addi %d21, %c : index
%x21 = memref.load %X[%i21] : memref<12544xvector<4xf32>>
%k21 = arith.constant 7 : index
%l21 = arith.muli %k21, %c16 : index
%m21 = arith.addi %l21, %c : index
%y21 = memref.load %Wt[%m21] : memref<144xvector<4xf32>>
%f21 = vector.fma %x21, %y21, %r20 : vector<4xf32>
scf.yield %f21 : vector<4xf32>
} else {
scf.yield %r20 : vector<4xf32>
}
%ha22 = arith.addi %bz, %c2 : index
%h22 = arith.subi %ha22, %c1 : index
%wa22 = arith.addi %by, %c2 : index
%w22 = arith.subi %wa22, %c1 : index
%o122 = arith.cmpi ult, %h22, %H : index
%o222 = arith.cmpi ult, %w22, %c28 : index
%ok22 = arith.andi %o122, %o222 : i1
%r22 = scf.if %ok22 -> (vector<4xf32>) {
%a22 = arith.muli %h22, %c28 : index
%b22 = arith.addi %a22, %w22 : index
%d22 = arith.muli %b22, %c16 : index
%i22 = arith.addi %d22, %c : index
%x22 = memref.load %X[%i22] : memref<12544xvector<4xf32>>
%k22 = arith.constant 8 : index
%l22 = arith.muli %k22, %c16 : index
%m22 = arith.addi %l22, %c : index
%y22 = memref.load %Wt[%m22] : memref<144xvector<4xf32>>
%f22 = vector.fma %x22, %y22, %r21 : vector<4xf32>
scf.yield %f22 : vector<4xf32>
} else {
scf.yield %r21 : vector<4xf32>
}
%s0 = arith.muli %bz, %c28 : index
%s1 = arith.addi %s0, %by : index
%s2 = arith.muli %s1, %c16 : index
%s3 = arith.addi %s2, %c : index
memref.store %r22, %O[%s3] : memref<12544xvector<4xf32>>

gpu.return
}
}
