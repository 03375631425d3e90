// The stages of the passes over one level of a diffusion problem (see diffusion_cycle.hpp): what is
// done with one slab, a line in two dimensions (D), a plane of lines in three. Templates for kernels,
// to be compiled inside them; W is the vector width.
#pragma once

#include <cstring>

#include "m4dl/linalg/diffusion_passes.hpp"
#include "m4dl/linalg/interpolation.hpp"
#include "m4dl/linalg/restriction.hpp"

namespace m4dl::diffusion {

using simd::Float, simd::kFloatWidth, simd::load, simd::store;
using Fields = DiffusionCycle::Fields;

inline constexpr int L = static_cast<int>(kLanes);

// What is done with the slabs of a level (lines in the plane, planes of lines in space).
template <int W, int D>
struct Slabs {
    static constexpr int kColours = 1 << (D - 1);  // within a slab: bit 0 nodes, bit 1 lines
    const Pass& pass;
    const GridLevel& g = pass.level.grid;
    Fields& x = pass.fields;

    // visit(here, row) for the nodes of one colour on one line, lanes from h on: `here` is the place
    // in the fields.
    template <int Step, class Visit>
    M4DL_INLINE void for_nodes(Index slab, Index line, Index first, Visit&& visit) const {
        const Q1Line<D, float> nodes(g, pass.level.elements, slab, line);
        const Index at = g.line(slab, line);
        for (int h = 0; h < L; h += kFloatWidth<W>)
            nodes.template for_nodes<W, Step>(
                x.k.data() + h, x.u.data() + at * L + h, first,
                [&](Index k, const Row<W, float>& row)
                    M4DL_INLINE_LAMBDA { visit((at + k) * L + h, row); });
    }
    template <class Visit>
    M4DL_INLINE void for_colour(Index slab, int colour, Visit&& visit) const {
        if constexpr (D == 2)
            for_nodes<2>(slab, 0, first_of(colour), visit);
        else
            for (Index l = first_of(colour >> 1); l + 1 < g.lines; l += 2)
                for_nodes<2>(slab, l, first_of(colour & 1), visit);
    }

    // Gauss-Seidel.
    M4DL_INLINE void relax(Index slab, int colour) const {
        for_colour(slab, colour, [&](Index here, const Row<W, float>& row) M4DL_INLINE_LAMBDA {
            put(here, load<W>(x.rhs.data() + here) - (row.along + row.across));
        });
    }
    M4DL_INLINE void relax(Index slab, bool backward) const {
        for (int pass_ = 0; pass_ < kColours; ++pass_)
            relax(slab, backward ? kColours - 1 - pass_ : pass_);
    }
    // The first sweep, in the plane: u = 0 at all nodes that come later, whatever is stored there.
    M4DL_INLINE void relax_from_zero(Index slab) const {
        static_assert(D == 2);
        if (slab % 2 == 0) {
            for_colour(slab, 0, [&](Index here, const Row<W, float>&) M4DL_INLINE_LAMBDA {
                put(here, load<W>(x.rhs.data() + here));
            });
            for_colour(slab, 1, [&](Index here, const Row<W, float>& row) M4DL_INLINE_LAMBDA {
                put(here, load<W>(x.rhs.data() + here) - row.along);
            });
        } else {
            for_colour(slab, 0, [&](Index here, const Row<W, float>& row) M4DL_INLINE_LAMBDA {
                put(here, load<W>(x.rhs.data() + here) - row.across);
            });
            relax(slab, 1);
        }
    }

    // The residual, which is left on all nodes but those of the last colour. `to`: where its slab
    // lies.
    M4DL_INLINE void residual(Index slab, Index to) const {
        auto full = [&](Index here, const Row<W, float>& row) M4DL_INLINE_LAMBDA {
            note(here, slab, to,
                 load<W>(x.rhs.data() + here) - row.diagonal * load<W>(x.u.data() + here) -
                     (row.along + row.across));
        };
        for (int colour = 0; colour < kColours; ++colour)
            if (slab % 2 == 0 || colour != kColours - 1)
                for_colour(slab, colour, full);
            else
                clear_residual(slab, to, colour);
    }
    // After relax_from_zero: what the nodes that came later have added.
    M4DL_INLINE void residual_from_zero(Index slab, Index to) const {
        static_assert(D == 2);
        if (slab % 2 == 0) {
            for_colour(slab, 0, [&](Index here, const Row<W, float>& row) M4DL_INLINE_LAMBDA {
                note(here, slab, to, -(row.along + row.across));
            });
            for_colour(slab, 1, [&](Index here, const Row<W, float>& row) M4DL_INLINE_LAMBDA {
                note(here, slab, to, -row.across);
            });
        } else {
            for_colour(slab, 0, [&](Index here, const Row<W, float>& row) M4DL_INLINE_LAMBDA {
                note(here, slab, to, -row.along);
            });
            clear_residual(slab, to, 1);
        }
    }

    M4DL_INLINE void clear(Index slab) const {
        const Index rows = g.lines * g.nodes;
        std::memset(x.u.data() + slab * rows * L, 0,
                    sizeof(float) * static_cast<std::size_t>(rows * L));
    }

private:
    M4DL_INLINE void put(Index here, const Float<W>& without_diagonal) const {
        store<W>(x.u.data() + here, without_diagonal * load<W>(x.inverse.data() + here));
    }
    M4DL_INLINE void note(Index here, Index slab, Index to, const Float<W>& value) const {
        store<W>(x.residual.data() + here + (to - slab) * g.lines * g.nodes * L, value);
    }
    M4DL_INLINE void clear_residual(Index slab, Index to, int colour) const {
        for_colour(slab, colour, [&](Index here, const Row<W, float>&) M4DL_INLINE_LAMBDA {
            note(here, slab, to, Float<W>{});
        });
    }
};

// The stages of the passes over one level.
template <int W, int D>
struct Stages {
    const Pass& pass;
    const SlabRange& r;
    const GridLevel& g = pass.level.grid;
    Slabs<W, D> slabs{pass};
    SlabRing ring{g, r};  // of residuals

    template <bool Assign = false>
    M4DL_INLINE void interpolate(Index slab) const {
        interpolate_slab<W, D == 2 ? 2 : 4, Assign>(g, pass.coarse->grid, pass.below->u.data(),
                                                    pass.fields.u.data(), slab);
    }
    M4DL_INLINE void restrict_residual(Index slab) const {
        const Index c = g.coarsening[0].left[slab];
        if (g.coarsening[0].kept[c] == slab)
            restrict_slab<W, Restricted::kIntegrals, D>(
                g, pass.coarse->grid, pass.fields.residual.data(), pass.below->rhs.data(), c,
                [&](Index i) M4DL_INLINE_LAMBDA { return ring.place(i); });
    }
};

// Defines name_slabs, of diffusion_passes.hpp, by the template name<W, D>.
#define M4DL_DIFFUSION_PASS(name, parameters, arguments) \
    template <int W>                                     \
    M4DL_INLINE void name##_kernel parameters {          \
        if (pass.level.grid.plane())                     \
            name<W, 2> arguments;                        \
        else                                             \
            name<W, 3> arguments;                        \
    }                                                    \
    M4DL_DISPATCH(name##_kernel, name##_slabs, parameters, arguments)

}  // namespace m4dl::diffusion
