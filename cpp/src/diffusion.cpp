#include "m4dl/linalg/diffusion.hpp"

#include "m4dl/linalg/wavefront.hpp"

namespace m4dl {
namespace {

using simd::load, simd::Real, simd::store;

constexpr int L = static_cast<int>(kLanes);

// p := z + beta p, w := A p and <p, w> of each slab, in double precision.
struct Product {
    const GridLevel& g;
    const Elements<double>& elements;
    const double* k;
    const float* z;
    const double* beta;  // per lane; without it p := z
    double *p, *w, *sums;
};

template <int W, int D>
M4DL_INLINE void turn_direction(const Product& x, Index slab) {
    for_lines<D>(x.g, slab, [&](Index, Index at) M4DL_INLINE_LAMBDA {
        for (int h = 0; h < L; h += W) {
            const bool turn = x.beta != nullptr;
            const Real<W> beta = turn ? load<W>(x.beta + h) : Real<W>{};
            for (Index k = at + 1; k < at + x.g.nodes - 1; ++k) {
                Real<W> z;
                simd::widen<W>(x.z + k * L + h, z);
                double* p = x.p + k * L + h;
                store<W>(p, turn ? z + beta * load<W>(p) : z);
            }
        }
    });
}

template <int W, int D>
M4DL_INLINE void apply(const Product& x, Index slab) {
    for (int h = 0; h < L; h += W) {
        Real<W> sum{};
        for_lines<D>(x.g, slab, [&](Index line, Index at) M4DL_INLINE_LAMBDA {
            const Q1Line<D, double> nodes(x.g, x.elements, slab, line);
            nodes.template for_nodes<W, 1>(
                x.k + h, x.p + at * L + h, 1,
                [&](Index k, const Row<W, double>& row) M4DL_INLINE_LAMBDA {
                    const Real<W> p = load<W>(x.p + (at + k) * L + h);
                    const Real<W> w = row.diagonal * p + (row.along + row.across);
                    store<W>(x.w + (at + k) * L + h, w);
                    sum += p * w;
                });
        });
        store<W>(x.sums + slab * L + h, sum);
    }
}

template <int W, int D>
M4DL_INLINE void multiply(const Product& x, const SlabRange& r) {
    wavefront<2>(x.g.slabs - 2, r, [&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage == 0) turn_direction<W, D>(x, slab);
        if constexpr (stage == 1) apply<W, D>(x, slab);
    });
}
template <int W>
M4DL_INLINE void multiply_kernel(const Product& x, const SlabRange& r) {
    x.g.plane() ? multiply<W, 2>(x, r) : multiply<W, 3>(x, r);
}
M4DL_DISPATCH(multiply_kernel, multiply_slabs, (const Product& x, const SlabRange& r), (x, r))

// copy(row on all nodes, row on the nodes inside) for all of the latter.
template <class Copy>
void for_inner_nodes(const GridLevel& g, Copy&& copy) {
    for_slabs(g, [&](Index begin, Index end) {
        for_inner_lines(g, begin, end, [&](Index at, Index inside, Index count) {
            for (Index k = 0; k < count; ++k) copy(at + k, inside + k);
        });
    });
}

}  // namespace

Diffusion::Diffusion(std::vector<Axis> axes) : cycle_(axes), elements_(axes) {
    for (const Axis& x : axes) unknowns_ *= x.cells() - 1;
}

Diffusion::Workspace Diffusion::workspace() const {
    const GridLevel& g = cycle_.finest();
    return {.cycle = cycle_.workspace(),
            .residual = zeros(g.size()),
            .cg = CgWorkspace(g.size(), 0),
            .sums = std::vector<double>(static_cast<std::size_t>(g.slabs * kLanes))};
}

void Diffusion::set(const Block& k, Workspace& w) const {
    w.k = k.data();
    for_ranges(k.rows(), 1, [&](Index begin, Index end) {
        w.cycle[0].k.middleRows(begin, end - begin) =
            k.middleRows(begin, end - begin).cast<float>();
    });
    cycle_.set(w.cycle);
}

void Diffusion::solve(Block& x, double tolerance, int max_iterations, Workspace& w) const {
    const GridLevel& g = cycle_.finest();
    DiffusionCycle::Fields& top = w.cycle[0];
    for_inner_nodes(g, [&](Index at, Index inside) { w.residual.row(at) = x.row(inside); });
    auto apply = [&](const FloatBlock& z, const Lanes* beta, Block& p, Block& image) {
        const Product product{
            g,        elements_,    w.k,          z.data(), beta ? beta->data() : nullptr,
            p.data(), image.data(), w.sums.data()};
        sweep(g, 2, [&](const SlabRange& r) { multiply_slabs(product, r); });
        Lanes sum = Lanes::Zero();
        for (Index i = 1; i + 1 < g.slabs; ++i)
            sum += Eigen::Map<const Lanes>(w.sums.data() + i * kLanes);
        return sum;
    };
    auto precondition = [&](const Block& r, bool first) -> const FloatBlock& {
        for_ranges(r.rows(), 1, [&](Index begin, Index end) {
            top.rhs.middleRows(begin, end - begin) = r.middleRows(begin, end - begin).cast<float>();
        });
        first ? cycle_.nested_iteration(w.cycle) : cycle_.v_cycle(w.cycle);
        return top.u;
    };
    w.cg.iterations.setZero();
    const auto ends = conjugate_gradients(w.residual, Lanes::Ones(), true, StopByCycle(tolerance),
                                          max_iterations, apply, precondition, w.cg);
    Lanes failed;
    for (Index lane = 0; lane < kLanes; ++lane)
        failed[lane] =
            ends[lane] == CgEnd::kReached ? 0.0 : std::numeric_limits<double>::quiet_NaN();
    for_inner_nodes(
        g, [&](Index at, Index inside) { x.row(inside) = w.cg.solution.row(at) + failed; });
    // A lane that failed may have left NaN on the boundary, too.
    if (failed.isNaN().any())
        for (Block* field : {&w.residual, &w.cg.solution, &w.cg.direction}) field->setZero();
}

}  // namespace m4dl
