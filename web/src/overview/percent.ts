// Shares as percentages.
import { useFormat } from '@/blocks/format'

/** Formats a share. It is rounded down, so that only a complete share is shown as 100%. */
export function usePercent(): (share: number | null | undefined) => string {
  const { tag } = useFormat()
  return (share) =>
    share === undefined || share === null
      ? '–'
      : new Intl.NumberFormat(tag(), {
          style: 'percent',
          maximumFractionDigits: 1,
          roundingMode: 'floor',
        } as Intl.NumberFormatOptions).format(share)
}
