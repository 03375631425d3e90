// Orthonormal trigonometric transforms along one axis of a field over lanes. Their columns are the
// eigenvectors of second differences on a uniform line (Strang, SIAM Review 1999):
//
//     basis   column k at point i                        continued beyond the ends   in scipy.fft
//     kDct1   sqrt(2/(n-1)) e_i e_k cos(pi i k/(n-1))    evenly about the end point  dct, type 1
//     kDct2   sqrt(2/n) e_k cos(pi (i + 1/2) k/n)        evenly, half a step out     dct, type 2
//     kDst1   sqrt(2/(n+1)) sin(pi (i+1)(k+1)/(n+1))     oddly, one step out         dst, type 1
//
// with e = 1/sqrt(2) at the ends (kDct1: i, k = 0 or n-1; kDct2: k = 0) and 1 elsewhere. The
// matrices of kDct1 and kDst1 are symmetric: both directions are the same.
#pragma once

#include "m4dl/linalg/fft.hpp"

namespace m4dl {

enum class Basis { kDct1, kDct2, kDst1 };
enum class Direction { kToCoefficients, kToValues };

class LineTransform {
public:
    // A field of shape (outer, size(), inner), in rows of lanes; `to` may be `from`.
    struct Field {
        const double* from;
        double* to;
        Index outer, inner;
    };
    // One number for each row of the field: what is read is multiplied by `before`, what is
    // written by `after` and then shifted by `shift`. Null stands for ones, or zeros.
    struct Scaling {
        const double* before = nullptr;
        const double* after = nullptr;
        const double* shift = nullptr;
    };
    struct Plan {
        Basis basis;
        Index size;
        Fft fft;
        std::vector<Index> shuffle;  // kDct2: where point i stands in the sequence transformed
        std::vector<double> factor;  // for each of its elements two numbers
    };

    LineTransform(Basis basis, Index n);

    Index size() const { return plan_.size; }
    double cost() const;  // multiplications per row, about; a dense product has size() of them
    bool fast() const { return cost() <= 16.0; }

    // Rows of the buffer that `apply` wants for a field of so many rows.
    Index buffer_rows(Index field_rows) const;

    // Transforms all lines of the field, on the threads left to the inside of this block.
    void apply(Direction direction, const Field& field, const Scaling& scaling,
               Block& buffer) const;

private:
    Plan plan_;
};

}  // namespace m4dl
