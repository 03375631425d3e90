// Frames in a compact group G, over W lanes: what the non-Abelian X-ray transform needs of a group. An
// Algebra is an element of its Lie algebra, with C components; a Frame one of the group.
//
// With C = exp(w_S) ... exp(w_1) for the steps from exit to entry, dC = xi C, and xi is carried along
// by xi := Ad(exp w) xi + E(w) dw (`along`). For the adjoint, g with <dy, xi C> = g . xi (`torque`) is
// carried back by v = E(w)' g, g := Ad(exp w)' g (`back`): only the end of the ray is needed.
#pragma once

#include "m4dl/linalg/skew.hpp"
#include "m4dl/linalg/spin.hpp"

namespace m4dl {

inline constexpr double kMagnus = 0.14433756729740644113;  // sqrt(3)/12

// SO(3) and SU(2) by quaternions; they differ in what is observed.
template <int W>
struct Spin {
    using Real = simd::Real<W>;
    static constexpr int kComponents = 3;
    struct Algebra {
        Real at[3];
    };
    // A quaternion that grows by at most 7 % a step; `widest`: the greatest square of a turn in it.
    struct Frame {
        Real at[4], widest;
    };

    static M4DL_INLINE Frame identity() {
        return {{simd::broadcast<W>(1.0), Real{}, Real{}, Real{}}, Real{}};
    }
    // w = h/2 (a + b) + sqrt(3)/12 h^2 b x a, a nearer to the exit
    static M4DL_INLINE void magnus(double h, const Algebra& a, const Algebra& b, Algebra& w) {
        spin::cross<W>(b.at, a.at, w.at);
        for (int c = 0; c < 3; ++c)
            w.at[c] = 0.5 * h * (a.at[c] + b.at[c]) + kMagnus * h * h * w.at[c];
    }
    static M4DL_INLINE void magnus_push(double h, const Algebra& a, const Algebra& b,
                                        const Algebra& da, const Algebra& db, Algebra& dw) {
        Real first[3], second[3];
        spin::cross<W>(db.at, a.at, first);
        spin::cross<W>(b.at, da.at, second);
        for (int c = 0; c < 3; ++c)
            dw.at[c] = 0.5 * h * (da.at[c] + db.at[c]) + kMagnus * h * h * (first[c] + second[c]);
    }
    static M4DL_INLINE void magnus_pull(double h, const Algebra& a, const Algebra& b,
                                        const Algebra& v, Algebra& da, Algebra& db) {
        spin::cross<W>(v.at, b.at, da.at);  // v . (b x da) = da . (v x b)
        spin::cross<W>(a.at, v.at, db.at);  // v . (db x a) = db . (a x v)
        for (int c = 0; c < 3; ++c) {
            da.at[c] = 0.5 * h * v.at[c] + kMagnus * h * h * da.at[c];
            db.at[c] = 0.5 * h * v.at[c] + kMagnus * h * h * db.at[c];
        }
    }
    static M4DL_INLINE void advance(const Algebra& w, Frame& u) {
        Real q[4];
        const Real square = spin::turn<W>(w.at, q);
        u.widest = square > u.widest ? square : u.widest;
        spin::multiply<W>(q, u.at);
    }
    static M4DL_INLINE void finish(Frame& u) {
        Real length;
        simd::square_root<W>(u.at[0] * u.at[0] + spin::dot<W>(u.at + 1, u.at + 1), length);
        const Real scale = spin::resolved<W>(u.widest) / length;
        for (int c = 0; c < 4; ++c) u.at[c] *= scale;
    }
    static M4DL_INLINE void along(const Algebra& w, const Algebra& dw, Algebra& xi) {
        const spin::Turn<W> turn(w.at);
        Real moved[3];
        turn.template differential<1>(dw.at, moved);
        turn.template rotate<1>(xi.at);
        for (int c = 0; c < 3; ++c) xi.at[c] += moved[c];
    }
    static M4DL_INLINE void back(const Algebra& w, Algebra& g, Algebra& v) {
        const spin::Turn<W> turn(w.at);
        turn.template differential<-1>(g.at, v.at);
        turn.template rotate<-1>(g.at);
    }
};

// The rotation matrix of the frame, by rows.
template <int W>
struct So3 : Spin<W> {
    using typename Spin<W>::Real, typename Spin<W>::Algebra, typename Spin<W>::Frame;
    static constexpr int kOutputs = 9;

    static M4DL_INLINE void observe(const Frame& u, Real* c) {
        const Real *q = u.at + 1, s = q[0] * q[0] + q[1] * q[1] + q[2] * q[2];
        for (int i = 0; i < 3; ++i)
            for (int j = 0; j < 3; ++j) c[3 * i + j] = 2.0 * q[i] * q[j];
        for (int i = 0; i < 3; ++i) {
            const int j = (i + 1) % 3, k = (i + 2) % 3;
            c[4 * i] += u.at[0] * u.at[0] - s;
            c[3 * k + j] += 2.0 * u.at[0] * q[i];
            c[3 * j + k] -= 2.0 * u.at[0] * q[i];
        }
    }
    // xi C for the datum C of a ray
    static M4DL_INLINE void move(const Algebra& xi, const Real* c, Real* dc) {
        for (int j = 0; j < 3; ++j)
            for (int i = 0; i < 3; ++i) {
                const int k = (i + 1) % 3, l = (i + 2) % 3;
                dc[3 * i + j] = xi.at[k] * c[3 * l + j] - xi.at[l] * c[3 * k + j];
            }
    }
    static M4DL_INLINE void torque(const Real* c, const Real* dc, Algebra& g) {
        for (int i = 0; i < 3; ++i) g.at[i] = Real{};
        for (int j = 0; j < 3; ++j)
            for (int i = 0; i < 3; ++i) {
                const int k = (i + 1) % 3, l = (i + 2) % 3;
                g.at[i] += c[3 * k + j] * dc[3 * l + j] - c[3 * l + j] * dc[3 * k + j];
            }
    }
};

// U = q0 - i (q1 sigma1 + q2 sigma2 + q3 sigma3), entry by entry its real and imaginary parts.
template <int W>
struct Su2 : Spin<W> {
    using typename Spin<W>::Real, typename Spin<W>::Algebra, typename Spin<W>::Frame;
    static constexpr int kOutputs = 8;

    static M4DL_INLINE void observe(const Frame& u, Real* c) {
        const Real* q = u.at;
        c[0] = q[0], c[1] = -q[3], c[2] = -q[2], c[3] = -q[1];
        c[4] = q[2], c[5] = -q[1], c[6] = q[0], c[7] = q[3];
    }
    static M4DL_INLINE void move(const Algebra& xi, const Real* c, Real* dc) {
        Frame du;
        change(xi, c, du);
        observe(du, dc);
    }
    static M4DL_INLINE void torque(const Real* c, const Real* dc, Algebra& g) {
        const Real dq[4] = {dc[0] + dc[6], -dc[3] - dc[5], dc[4] - dc[2], dc[7] - dc[1]};
        for (int i = 0; i < 3; ++i) {
            Algebra unit{};
            unit.at[i] = simd::broadcast<W>(1.0);
            Frame du;
            change(unit, c, du);
            g.at[i] = dq[0] * du.at[0] + dq[1] * du.at[1] + dq[2] * du.at[2] + dq[3] * du.at[3];
        }
    }

private:
    // dq = (0, xi/2) q
    static M4DL_INLINE void change(const Algebra& xi, const Real* c, Frame& du) {
        du = {{c[0], -c[3], c[4], -c[1]}, Real{}};
        const Real half[4] = {Real{}, 0.5 * xi.at[0], 0.5 * xi.at[1], 0.5 * xi.at[2]};
        spin::multiply<W>(half, du.at);
    }
};

template <int N, int W>
struct SoN {
    using Real = simd::Real<W>;
    static constexpr int kComponents = N * (N - 1) / 2, kOutputs = N * N;
    struct Algebra {
        Real at[kComponents];  // entry (j, i), i < j, pair after pair by rows
    };
    using Frame = skew::Square<N, W>;

    static M4DL_INLINE Frame identity() { return skew::identity<N, W>(); }
    static M4DL_INLINE void magnus(double h, const Algebra& a, const Algebra& b, Algebra& w) {
        bracket(b, a, w);
        for (int c = 0; c < kComponents; ++c)
            w.at[c] = 0.5 * h * (a.at[c] + b.at[c]) + kMagnus * h * h * w.at[c];
    }
    static M4DL_INLINE void magnus_push(double h, const Algebra& a, const Algebra& b,
                                        const Algebra& da, const Algebra& db, Algebra& dw) {
        Algebra first, second;
        bracket(db, a, first);
        bracket(b, da, second);
        for (int c = 0; c < kComponents; ++c)
            dw.at[c] =
                0.5 * h * (da.at[c] + db.at[c]) + kMagnus * h * h * (first.at[c] + second.at[c]);
    }
    static M4DL_INLINE void magnus_pull(double h, const Algebra& a, const Algebra& b,
                                        const Algebra& v, Algebra& da, Algebra& db) {
        bracket(v, b, da);  // v . [b, da] = da . [v, b], as ad is skew
        bracket(a, v, db);
        for (int c = 0; c < kComponents; ++c) {
            da.at[c] = 0.5 * h * v.at[c] + kMagnus * h * h * da.at[c];
            db.at[c] = 0.5 * h * v.at[c] + kMagnus * h * h * db.at[c];
        }
    }
    static M4DL_INLINE void advance(const Algebra& w, Frame& u) {
        const Frame q = skew::exponential(matrix(w)), last = u;
        skew::multiply(q, last, u);
    }
    static M4DL_INLINE void finish(Frame&) {}
    static M4DL_INLINE void along(const Algebra& w, const Algebra& dw, Algebra& xi) {
        const Frame m = matrix(w), q = skew::exponential(m);
        Frame half, turned, moved;
        skew::multiply(q, matrix(xi), half);
        skew::multiply_transposed(half, q, turned);
        skew::differential<N, W, 1>(m, matrix(dw), moved);
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) turned.at[i][j] += moved.at[i][j];
        components(turned, xi);
    }
    static M4DL_INLINE void back(const Algebra& w, Algebra& g, Algebra& v) {
        const Frame m = matrix(w), q = skew::exponential(m), torque = matrix(g);
        Frame half, turned, moved;
        skew::differential<N, W, -1>(m, torque, moved);
        components(moved, v);
        skew::transposed_multiply(q, torque, half);
        skew::multiply(half, q, turned);
        components(turned, g);
    }
    static M4DL_INLINE void observe(const Frame& u, Real* c) {
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) c[N * i + j] = u.at[i][j];
    }
    static M4DL_INLINE void move(const Algebra& xi, const Real* c, Real* dc) {
        Frame datum, out;
        load(c, datum);
        skew::multiply(matrix(xi), datum, out);
        observe(out, dc);
    }
    // <dy, xi C> = sum over j > i of xi_ji (M_ji - M_ij), M = dy C'
    static M4DL_INLINE void torque(const Real* c, const Real* dc, Algebra& g) {
        Frame datum, sensitivity, m;
        load(c, datum);
        load(dc, sensitivity);
        skew::multiply_transposed(sensitivity, datum, m);
        int at = 0;
        for (int i = 0; i < N; ++i)
            for (int j = i + 1; j < N; ++j) g.at[at++] = m.at[j][i] - m.at[i][j];
    }

private:
    static M4DL_INLINE Frame matrix(const Algebra& a) {
        Frame out{};
        int at = 0;
        for (int i = 0; i < N; ++i)
            for (int j = i + 1; j < N; ++j) {
                out.at[j][i] = a.at[at];
                out.at[i][j] = -a.at[at++];
            }
        return out;
    }
    static M4DL_INLINE void components(const Frame& m, Algebra& a) {
        int at = 0;
        for (int i = 0; i < N; ++i)
            for (int j = i + 1; j < N; ++j) a.at[at++] = m.at[j][i];
    }
    static M4DL_INLINE void bracket(const Algebra& a, const Algebra& b, Algebra& out) {
        Frame m;
        skew::commutator(matrix(a), matrix(b), m);
        components(m, out);
    }
    static M4DL_INLINE void load(const Real* c, Frame& m) {
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) m.at[i][j] = c[N * i + j];
    }
};

}  // namespace m4dl
